"""The shared vectors of tests/vectors, read by the agent's own parser."""

from __future__ import annotations

import json
import random
import unittest
from pathlib import Path
from typing import Any, Dict, Iterator, List

from agent.frames import (
    DATA,
    MORE,
    REQUEST,
    AttachScanner,
    Frame,
    FrameParser,
    ProtocolError,
    _NAMES,
    split_data,
)
from agent.messages import RequestAssembler

VECTORS: List[Dict[str, Any]] = json.loads(
    (Path(__file__).resolve().parents[3] / "vectors" / "frames.json").read_text()
)


def to_bytes(form: Any) -> bytes:
    if isinstance(form, str):
        return bytes.fromhex(form)
    if isinstance(form, list):
        return b"".join(map(to_bytes, form))
    return to_bytes(form["repeat"]) * int(form["times"])


def chunkings(data: bytes) -> Iterator[List[bytes]]:
    yield [data] if data else []
    sizes = random.Random(7)
    if len(data) <= 100_000:
        yield [data[i : i + 1] for i in range(len(data))]
    low, high = (1, 40) if len(data) <= 100_000 else (1000, 5000)
    for _ in range(3):
        chunks, at = [], 0
        while at < len(data):
            size = sizes.randint(low, high)
            chunks.append(data[at : at + size])
            at += size
        yield chunks


def shown(frame: Frame) -> Dict[str, Any]:
    return {
        "type": _NAMES[frame.type],
        "more": bool(frame.flags & MORE),
        "id": frame.id,
        "seq": frame.seq,
        "payload": frame.payload,
    }


def wanted(frames: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    return [{**frame, "payload": to_bytes(frame["payload"])} for frame in frames]


def of_layer(*layers: str) -> List[Dict[str, Any]]:
    return [vector for vector in VECTORS if vector["layer"] in layers]


class Vectors(unittest.TestCase):
    def test_there_are_vectors_of_each_layer(self) -> None:
        self.assertEqual(
            {"frames", "messages", "agent_attach", "server_attach", "split"}, {v["layer"] for v in VECTORS}
        )

    def test_frames(self) -> None:
        for vector in of_layer("frames"):
            for chunks in chunkings(to_bytes(vector["bytes"])):
                parser = FrameParser(from_server=vector["direction"] == "server_to_agent")
                seen: List[Dict[str, Any]] = []
                error = None
                for chunk in chunks:
                    try:
                        seen += map(shown, self._each(parser, chunk, seen))
                    except ProtocolError as failure:
                        error = failure.code
                with self.subTest(vector["name"]):
                    self.assertEqual(wanted(vector["expect"]["frames"]), seen)
                    self.assertEqual(vector["expect"].get("error"), error)
                    if "pending" in vector["expect"]:
                        self.assertEqual(vector["expect"]["pending"], parser.pending)

    def _each(self, parser: FrameParser, chunk: bytes, seen: List[Dict[str, Any]]) -> List[Frame]:
        frames: List[Frame] = []
        try:
            for frame in parser.feed(chunk):
                frames.append(frame)
        except ProtocolError:
            seen += map(shown, frames)
            raise
        return frames

    def test_requests(self) -> None:
        for vector in of_layer("messages"):
            if vector["direction"] != "server_to_agent":
                continue
            for chunks in chunkings(to_bytes(vector["bytes"])):
                parser, assembler = FrameParser(), RequestAssembler()
                seen, error = [], None
                try:
                    for chunk in chunks:
                        for frame in parser.feed(chunk):
                            request = assembler.take(frame) if frame.type == REQUEST else None
                            if request is not None:
                                seen.append({"type": "REQUEST", "id": frame.id, "seq": 0, "json": request})
                except ProtocolError as failure:
                    error = failure.code
                with self.subTest(vector["name"]):
                    self.assertEqual(vector["expect"]["messages"], seen)
                    self.assertEqual(vector["expect"].get("error"), error)

    def test_attaches(self) -> None:
        for vector in of_layer("agent_attach"):
            for chunks in chunkings(to_bytes(vector["bytes"])):
                seen: List[Dict[str, Any]] = []
                parser = FrameParser()

                def attach(nonce: bytes) -> None:
                    parser.reset()
                    seen.append({"nonce": nonce.hex(), "frames": []})

                def take(chunk: bytes, maybe_magic: int) -> None:
                    if not seen or "error" in seen[-1]:
                        return
                    try:
                        for frame in parser.feed(chunk, maybe_magic):
                            seen[-1]["frames"].append(shown(frame))
                    except ProtocolError as failure:
                        seen[-1]["error"] = failure.code

                scanner = AttachScanner(attach, take)
                for chunk in chunks:
                    scanner.feed(chunk)
                expected = [{**a, "frames": wanted(a["frames"])} for a in vector["expect"]["attaches"]]
                with self.subTest(vector["name"]):
                    self.assertEqual(expected, seen[-1:] if vector["expect"].get("only_last") else seen)

    def test_split(self) -> None:
        for vector in of_layer("split"):
            with self.subTest(vector["name"]):
                self.assertEqual(
                    list(map(to_bytes, vector["expect"]["parts"])),
                    list(split_data(to_bytes(vector["bytes"]))),
                )

    def test_frames_from_random_bytes_are_not_longer_than_the_input(self) -> None:
        source = random.Random(11)
        for _ in range(2000):
            data = bytes(source.choices([0, 1, 5, 8, 16, 255], k=source.randint(1, 200)))
            parser = FrameParser()
            size = 0
            try:
                for frame in parser.feed(data):
                    size += 16 + len(frame.payload)
            except ProtocolError:
                pass
            self.assertLessEqual(size + parser.pending, len(data))
        self.assertEqual(8, DATA)


if __name__ == "__main__":
    unittest.main()
