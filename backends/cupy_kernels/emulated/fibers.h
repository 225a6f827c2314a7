// Threads of a block as fibers. One warp runs as far as it can before the next one starts, in an order that changes
// from round to round: what a barrier should have ordered then shows. A lane that waits for its warp (a matrix
// instruction) lets the other lanes run.
#pragma once
enum { MOST_THREADS = 1024, WARP = 32, STACK = 128 << 10 };

struct Fiber {
    jmp_buf here;
    bool started, done, at_barrier;
};
static Fiber fibers[MOST_THREADS];
static char* stacks;
static jmp_buf scheduler;
static ucontext_t scheduler_context, first_context;
static void (*fiber_thread)(void*);
static void* fiber_context;
static unsigned long progress;  // counts what brings a warp forward

static void begin_fiber() {
    fiber_thread(fiber_context);
    fibers[threadIdx.x].done = true;
    ++progress;
    _longjmp(scheduler, 1);
}

static void resume(unsigned thread) {
    threadIdx.x = thread;
    Fiber& fiber = fibers[thread];
    if (_setjmp(scheduler)) return;
    if (fiber.started) _longjmp(fiber.here, 1);
    fiber.started = true;
    getcontext(&first_context);
    first_context.uc_stack.ss_sp = stacks + (size_t)thread * STACK;
    first_context.uc_stack.ss_size = STACK;
    first_context.uc_link = nullptr;
    makecontext(&first_context, begin_fiber, 0);
    setcontext(&first_context);
}

static void pause_fiber() {
    const unsigned thread = threadIdx.x;
    if (!_setjmp(fibers[thread].here)) _longjmp(scheduler, 1);
    threadIdx.x = thread;
}

static void __syncthreads() {
    fibers[threadIdx.x].at_barrier = true;
    ++progress;
    pause_fiber();
}

static bool late;
static void set_copies_late(int is_late) { late = is_late; }
static void start_block_of_copies();
static void start_block_of_products();

static int run_block(void (*thread)(void*), void* context) {
    if (!stacks) stacks = (char*)malloc((size_t)MOST_THREADS * STACK);
    fiber_thread = thread, fiber_context = context;
    const unsigned count = blockDim.x, warps = (count + WARP - 1) / WARP;
    for (unsigned i = 0; i < count; ++i) fibers[i].started = fibers[i].done = false;
    start_block_of_copies();
    start_block_of_products();
    for (unsigned round = 0;; ++round) {
        for (unsigned i = 0; i < count; ++i) fibers[i].at_barrier = false;
        for (unsigned w = 0; w < warps; ++w) {
            const unsigned warp = (round + blockIdx.x) & 1 ? warps - 1 - w : w;
            for (;;) {
                bool waiting = false;
                const unsigned long before = progress;
                for (unsigned i = warp * WARP; i < (warp + 1) * WARP && i < count; ++i)
                    if (!fibers[i].done && !fibers[i].at_barrier) {
                        resume(i);
                        waiting |= !fibers[i].done && !fibers[i].at_barrier;
                    }
                if (!waiting) break;
                if (progress == before) return STUCK_WARP;
            }
        }
        unsigned done = 0;
        for (unsigned i = 0; i < count; ++i) done += fibers[i].done;
        if (done == count) return FINE;
        if (done) return DIVERGENT_BARRIER;
    }
}
