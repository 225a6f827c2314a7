"""What is right, by witnesses that are never the code under test.

The first is `pointwise`: the definition of each op at one index, in plain Python; slow, and obviously right. The second
is `by_taps`: whole arrays at once, by another method than any backend's. A test compares the two on every small
geometry; the numbers that others publish, the third, lie with the conformance cases. `data` makes arguments whose sums
are exact, `comparing` says how a result differs, `checksums` and `gate` check large results before they are timed.
"""
