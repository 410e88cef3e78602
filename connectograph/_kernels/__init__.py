"""Compiled inner loops (numba, serial, releasing the GIL); parallelism is over blocks, in threads.

Modules here take and return plain arrays and know nothing of files, tables or units. They are imported by the
functions that need them, so that ``import connectograph`` does not load numba.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.compiler_lock import global_compiler_lock
from numba.core.runtime import rtsys

__all__ = ["inner_kernel", "kernel"]

# Counts begin as np.int64(0): the literal 0 has a type of its own, and a kernel that gets one is compiled once more.

F = TypeVar("F", bound=Callable[..., object])


@cache
@global_compiler_lock
def _compile_without_blas() -> None:
    """Let numba take for granted that scipy has BLAS: it would look by importing scipy.linalg, for a quarter second.

    Whoever calls BLAS in a kernel of their own gets it as ever: numba looks again when such a kernel is compiled.
    """
    from numba.np import linalg

    if not hasattr(linalg, "ensure_blas"):  # another numba, which looks in another way
        return
    look, linalg.ensure_blas = linalg.ensure_blas, lambda: None
    try:
        from numba.np import arraymath  # noqa: F401
    finally:
        linalg.ensure_blas = look


def kernel(function: F) -> F:
    """Compile on first use and keep the machine code on disk where a folder can be written to."""
    return _compile(function)


def inner_kernel(function: F) -> F:
    """The same for a function that only kernels call: made part of them, because a call counts references to arrays.

    It has no way in from Python, which takes long to compile.
    """
    return _compile(function, no_cpython_wrapper=True, forceinline=True)


def _compile(function: F, **options: bool | str) -> F:
    options |= {"nogil": True, "no_cfunc_wrapper": True, "error_model": "numpy"}
    compiled = numba.njit(**options)(function)
    try:
        compiled._cache = _MachineCode(function)
    except RuntimeError:  # numba found no place for its files: compile in every process instead
        _compile_without_blas()
    return compiled


class _Packing(CompileResultCacheImpl):
    """What is kept of a compiled kernel."""

    def reduce(self, cres: Any) -> Any:
        """Without environments that hold nothing: to make them again, numba would import what only compiling needs."""
        *kept, environments = super().reduce(cres)
        return (*kept, tuple(each for each in environments if getattr(each, "consts", True)))


class _MachineCode(FunctionCache):
    """Compiled kernels on disk, loaded without listing all that numba can compile, which takes a tenth of a second."""

    _impl_class = _Packing

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = None
        if not hasattr(self, "_load_overload"):  # another numba, which loads in another way
            _compile_without_blas()
            return super().load_overload(sig, target_context)
        rtsys.initialize(target_context)  # what compiled code calls
        with self._guard_against_spurious_io_errors():
            found = self._load_overload(sig, target_context)
        if found is None:  # numba compiles next
            _compile_without_blas()
        return found
