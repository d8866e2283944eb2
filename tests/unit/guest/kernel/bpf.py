"""Runs a classic BPF program as Linux runs a seccomp filter: for the filters of architectures that this machine does not have."""
from __future__ import annotations

import struct
from typing import Sequence, Tuple

_LOAD = 0x20
_JUMPS = {
    0x15: lambda word, operand: word == operand,
    0x35: lambda word, operand: word >= operand,
    0x45: lambda word, operand: (word & operand) != 0,
}
_RETURN = 0x06
# struct seccomp_data
_DATA_BYTES = 64
# linux/bpf_common.h
_MAX_INSTRUCTIONS = 4096


def run(program: bytes, number: int, arch: int, arguments: Sequence[int] = ()) -> Tuple[int, int]:
    """The action and the data (an errno) for a call. Raises ValueError for a program that Linux would not take."""
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, arch, 0, *[a & 0xFFFFFFFFFFFFFFFF for a in (*arguments, *[0] * 6)[:6]])
    assert len(data) == _DATA_BYTES
    length, rest = divmod(len(program), 8)
    if rest or not 0 < length <= _MAX_INSTRUCTIONS:
        raise ValueError("%d bytes are not a program" % len(program))
    word = 0
    position = 0
    while position < length:
        code, if_true, if_false, operand = struct.unpack_from("=HBBI", program, 8 * position)
        position += 1
        if code == _LOAD:
            if operand % 4 or operand + 4 > _DATA_BYTES:
                raise ValueError("a load from %d" % operand)
            (word,) = struct.unpack_from("<I", data, operand)
        elif code in _JUMPS:
            position += if_true if _JUMPS[code](word, operand) else if_false
        elif code == _RETURN:
            return operand & 0xFFFF0000, operand & 0xFFFF
        else:
            raise ValueError("unknown instruction %#x" % code)
    raise ValueError("the program has no end")


def targets(program: bytes) -> Sequence[int]:
    """Every place that an instruction can lead to; Linux refuses a program that leads beyond its end."""
    found = []
    for position in range(len(program) // 8):
        code, if_true, if_false, _ = struct.unpack_from("=HBBI", program, 8 * position)
        found += [position + 1 + if_true, position + 1 + if_false] if code in _JUMPS else [] if code == _RETURN else [position + 1]
    return found
