"""Which names in a pickle are refused: those of callables that run code when the pickle is loaded.

A pickle names modules and what is in them. Nothing of it is imported here, so nothing can run; but a file
that names ``os.system`` is an attack on whoever loads it, and is refused with that name. The rule:

- Nothing may be named of a module that runs code, starts processes, opens files or connections, or builds
  functions (``RUNNING``); nor through another module, as in ``torch.os.system`` (``INSIDE``).
- A function that does so wherever it stands (``CALLS``) may not be named.
- Of a few modules, Python's own names among them, only what makes plain data is taken (``PLAIN``); of a few
  others that are refused, single names that only hold data (``HOLDERS``).
- ``getattr`` is taken when it picks an attribute of a named class, as enumerations do, and the name so made
  is judged by the same rule.
- Every other name, ``argparse.Namespace`` or a class of a training library, stands for itself as plain data.

Not promised: that a file which is not refused is safe to unpickle. No list of names can say so. Load weights
from safetensors, or with ``torch.load(weights_only=True)``.
"""

from collections.abc import Mapping
from typing import Final

from weightmark.errors import MalformedError

INSIDE: Final = frozenset(
    """
    __builtin__ __builtins__ _ctypes _posixsubprocess _winapi bottleneck builtins cffi collect_env commands
    cpp_extension ctypes dill distutils f2py importlib marshal multiprocessing nt os popen2 posix pty runpy
    setuptools shutil socket subprocess sys webbrowser
    """.split()  # noqa: SIM905 - a long list of words
)
"""Modules that may not be named even through another one."""

RUNNING: Final = INSIDE | frozenset(
    """
    _aix_support _io _imp _osx_support _pickle _posixshmem _pyrepl _socket _testcapi _thread
    _xxsubinterpreters aiohttp asyncio asyncore atexit bdb cProfile cgitb cloudpickle code codeop compileall
    concurrent doctest ensurepip faulthandler fileinput ftplib gc http httplib httpx idlelib imaplib imp
    inspect io jobpipe joblib jsonpickle lib2to3 linecache mmap modulefinder msvcrt nntplib ntpath paramiko
    pdb pickle pickletools pip pipes pkg_resources pkgutil poplib posixpath profile pstats py_compile pyclbr
    pydoc requests resource rlcompleter sched shelve signal site six smtpd smtplib socketserver sqlite3 ssl
    sysconfig tarfile telnetlib tempfile test this thread threading timeit tkinter trace tracemalloc tty
    urllib urllib2 urllib3 venv winreg wsgiref xmlrpc yaml zipapp zipfile zipimport
    """.split()  # noqa: SIM905 - a long list of words
)
"""Modules of which nothing may be named."""

CALLS: Final = frozenset(
    """
    __builtins__ __getattribute__ __globals__ __import__ __reduce__ __reduce_ex__ __subclasses__
    _load_from_bytes attrgetter call check_call check_output check_run compile delattr eval exec exec_command
    execfile execl execle execlp execv execve execvp execvpe fork forkpty fromfile getlincoef getoutput
    getstatusoutput globals import_module input itemgetter load load_module load_module_from_file loads
    locals memmap methodcaller myeval open popen Popen posix_spawn read_pickle remove rmdir rmtree run
    run_module run_path runcall runcode runctx runeval runstring setattr spawn startfile system to_pickle
    unlink unpickle urlopen urlretrieve write_bytes write_text
    """.split()  # noqa: SIM905 - a long list of words
)
"""Functions that run code or touch the machine, wherever they stand."""

_BUILTINS: Final = frozenset(
    """
    ArithmeticError Ellipsis Exception False None NotImplemented RuntimeError StopIteration TypeError True
    ValueError bool bytearray bytes complex dict enumerate float frozenset getattr int list long object print
    range reversed set slice sorted str tuple type unicode xrange zip
    """.split()  # noqa: SIM905 - a long list of words
)
_COPYREG: Final = frozenset({"_reconstructor", "__newobj__", "__newobj_ex__"})
_OPERATOR: Final = frozenset({"or_", "add"})

PLAIN: Final[Mapping[str, frozenset[str]]] = {
    "builtins": _BUILTINS,
    "__builtin__": _BUILTINS,
    "_codecs": frozenset({"encode"}),
    "codecs": frozenset({"encode"}),
    "copyreg": _COPYREG,
    "copy_reg": _COPYREG,
    "functools": frozenset({"partial"}),
    "itertools": frozenset({"count", "repeat"}),
    "operator": _OPERATOR,
    "_operator": _OPERATOR,
    "pathlib": frozenset(
        {"Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath"}
    ),
    "types": frozenset({"SimpleNamespace"}),
}
"""Modules of which only this may be named."""

HOLDERS: Final = frozenset(
    {
        "_io.BytesIO",
        "_io.StringIO",
        "io.BytesIO",
        "io.StringIO",
        "joblib.numpy_pickle.NumpyArrayWrapper",
        "joblib.numpy_pickle.NDArrayWrapper",
        "joblib.numpy_pickle_compat.NDArrayWrapper",
        "joblib.numpy_pickle_compat.ZNDArrayWrapper",
    }
)
"""Names of refused modules that hold text, bytes or an array, and do nothing when they are made."""

_SOURCE: Final = "__torch__"
"""Where TorchScript says that the classes of an archive are; nothing can be imported from it."""

_SHOWN: Final = 200
HINT: Final = (
    "Do not load the file: it would run code. Get the weights from their author as safetensors, "
    "and tell the place where you found it."
)
"""What to do with a file that is refused for a name."""


def check_name(module: str, name: str, what: str) -> None:
    """Check that a name which a pickle has may stand in one.

    Args:
        module: the module.
        name: what is named in it; dotted for what is inside a class.
        what: the file, for the message.

    Raises:
        MalformedError: it is one of what runs code when the file is loaded.
    """
    root, *inner = module.split(".")
    *outer, last = name.split(".")
    if root == _SOURCE or f"{module}.{name}" in HOLDERS:
        return
    plain = PLAIN.get(root)
    if plain is not None:
        refused = bool(inner or outer) or last not in plain
    else:
        refused = root in RUNNING or last in CALLS or bool(INSIDE.intersection((*inner, last)))
        refused = refused or bool((RUNNING | PLAIN.keys()).intersection(outer))
    if refused:
        raise refuse(f"{module}.{name}", what)


def refuse(name: str, what: str) -> MalformedError:
    """Make the error for a name that runs code.

    Args:
        name: it, with its module.
        what: the file.

    Raises:
        Nothing; the error is returned, to be raised by the caller.
    """
    return MalformedError(
        f"{what} names {name[:_SHOWN]!r}, which runs code when the file is loaded", hint=HINT
    )
