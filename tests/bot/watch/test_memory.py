"""Memory that is freed goes back to the system, however large the blocks were that were freed before."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from tests.bot.commandline import environment

# 20 MB are freed, which lets glibc keep blocks below that on its heap from then on; then 1 MB is asked for.
ASKED = """
import ctypes, sys
from bot.machine import keep_memory_whole
if sys.argv[1] == "whole":
    assert keep_memory_whole()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
class Heap(ctypes.Structure):  # of <malloc.h>
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd a b c d e".split()]
libc.mallinfo2.restype = Heap
libc.free(libc.malloc(20 << 20))
before = libc.mallinfo2().hblks
block = libc.malloc(1 << 20)
print(libc.mallinfo2().hblks - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator of another C library")
@pytest.mark.parametrize(("how", "mapped"), [("whole", 1), ("as it is", 0)])
def test_a_large_block_is_mapped_by_itself(how: str, mapped: int) -> None:
    if not hasattr(ctypes.CDLL(None), "mallinfo2"):
        pytest.skip("this glibc tells nothing of its blocks")
    command = [sys.executable, "-c", ASKED, how]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert int(done.stdout) == mapped
