"""The guardian of a child: ends what the child has started, whoever ends first, and tells how the child has ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.calls import commands, guardian
from harness.tests.helpers.children.ended import seen, survivors

_PYTHON = (sys.executable, "-I", "-S", "-c")


def run(statement: str, folder: Path, **env: str) -> tuple[int, str]:
    """Exit code and output of a Python statement."""
    return commands.run((*_PYTHON, statement), folder, {**os.environ, **env})


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("pass", 0),
        ("raise SystemExit(3)", 3),
        ("raise SystemExit(255)", 255),
        ("import os; os.abort()", -signal.SIGABRT),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("import os; os.kill(os.getpid(), 15)", -signal.SIGTERM),
    ],
)
def test_the_end_of_the_child_is_its_own(statement: str, code: int, tmp_path: Path) -> None:
    assert run(statement, tmp_path) == (code, "")
    assert list(tmp_path.iterdir()) == []  # and no core


def test_a_command_has_folder_environment_and_both_outputs_but_no_input(tmp_path: Path) -> None:
    statement = (
        "import os, sys; print(os.getcwd(), os.environ['WORD'], repr(sys.stdin.read()), flush=True); "
        "print('error', file=sys.stderr)"
    )
    assert run(statement, tmp_path, WORD="given") == (0, f"{tmp_path} given ''\nerror\n")


def test_a_child_lies_in_a_group_and_session_of_its_own(tmp_path: Path) -> None:
    _, printed = run("import os; print(os.getpid(), os.getpgid(0), os.getsid(0))", tmp_path)
    (number,) = set(printed.split())
    assert number not in (str(os.getpgid(0)), str(os.getsid(0)))


def test_what_a_command_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    statement = (
        "import subprocess, sys; p = subprocess.Popen(['sleep', '600'], start_new_session=True, stdout=-3, stderr=-3); "
        "print(p.pid, flush=True); sys.stdin.read()"
    )
    code, printed = run(statement, tmp_path)
    assert code == 0
    assert not Path(f"/proc/{int(printed)}").exists()


_KILLED = """
from harness.tests.helpers.children.obeying import child, told
one = child()
start = "subprocess.Popen(['sleep', '600'], start_new_session=True, stderr=-3).pid"
print(told(one, f"said = [os.getpid(), os.getppid(), {start}]"), flush=True)
told(one, "while True: pass")
"""


@pytest.mark.parametrize("is_told", [True, False])
def test_when_the_parent_is_killed_all_end(is_told: bool, tmp_path: Path) -> None:
    """A busy child, what it has started, and the guardian; also where the system does not tell of a process's end."""
    older = f"import os, runpy; del os.pidfd_open; runpy.run_path({guardian.__file__!r}, run_name='__main__')"
    script = tmp_path / "parent.py"
    script.write_text(_KILLED if is_told else _with_guardian(older))
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        processes = seen(json.loads(parent.stdout.readline()))
        parent.kill()
        assert survivors(processes) == []


def _with_guardian(statement: str) -> str:
    """The same, with a guardian that is started by a statement of Python."""
    return (
        "import sys\nfrom harness.calls import guardian\n"
        "was = guardian.command\n"
        f"guardian.command = lambda words, asked: [sys.executable, '-c', {statement!r}, *was(words, asked)[4:]]\n"
        + _KILLED
    )


def test_a_child_ends_with_its_guardian(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_KILLED)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, stderr=-3) as parent:
        assert parent.stdout is not None
        child, its_guardian, other = seen(json.loads(parent.stdout.readline()))
        its_guardian.kill()
        assert survivors([child, its_guardian]) == []
        parent.kill()
        other.kill()


def interrupted(program: Path) -> int:
    """The exit code of a guardian, this file, that is interrupted as soon as its child is ready for it."""
    statement = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, lambda *of: sys.exit(7))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)"
    )
    words = guardian.command((*_PYTHON, statement), asked=False)
    words[words.index(guardian.__file__)] = str(program)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        return process.wait(60)


def test_an_interruption_goes_on_to_the_child() -> None:
    assert interrupted(Path(guardian.__file__)) == 7


def test_an_interruption_before_the_child_is_known_is_kept_for_it(tmp_path: Path) -> None:
    """The guardian is held between the two, as on a busy machine: the child is ready before it goes on."""
    text, handler = Path(guardian.__file__).read_text(), "    signal.signal(signal.SIGINT, lambda"
    assert text.count(handler) == 1
    (tmp_path / "slow.py").write_text(text.replace(handler, f"    time.sleep(2)\n{handler}"))
    assert interrupted(tmp_path / "slow.py") == 7


_INTERRUPTED = """
import os, pathlib, signal, sys, threading
from harness.calls import commands
commands._LAST_WORDS = 60.0 if "sys.exit" in sys.argv[2] else 0.1
def told():
    pathlib.Path(sys.argv[1]).read_text()  # a pipe: the command has opened it
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=told).start()
commands.run([sys.executable, "-c", sys.argv[2]], pathlib.Path.cwd(), os.environ)
"""


@pytest.mark.parametrize(
    ("handler", "left"),
    [("lambda *of: open('left', 'w').write('well') and sys.exit(0)", "well"), ("lambda *of: None", None)],
)
def test_a_command_may_end_well_after_ctrl_c_and_must_end(handler: str, left: str | None, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ready")
    statement = (
        f"import os, signal, sys, time\nsignal.signal(signal.SIGINT, {handler})\n"
        "open('ready', 'w').write('yes')\nwhile True: time.sleep(1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, str(tmp_path / "ready"), statement],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert "KeyboardInterrupt" in done.stderr
    file = tmp_path / "left"
    assert (file.read_text() if file.exists() else None) == left
