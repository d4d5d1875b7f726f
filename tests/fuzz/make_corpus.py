#!/usr/bin/env python3
"""Writes the seeds that the fuzz targets start from: tests/fuzz/corpus/TARGET/NAME.seed.

The first bytes of a seed say what to do with the rest; each target's FuzzOne tells. Seeds that were found
later (a crash that is fixed) may lie beside these; nothing is removed.
"""

import struct
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def pb(field, value):
    """One Protocol Buffers field: a number, or bytes (text, a message)."""
    if isinstance(value, int):
        return varint(field << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def command(user, field, *parts):
    """mom.v1.Command of a user of apply_fuzz's world."""
    who = pb(1, user) + pb(2, f"{user}#0".ljust(32, ".")) if user else b""
    return who + pb(field, b"".join(parts))


def raw(payload, kind=4):
    """A step of apply_fuzz: a payload as it is. `kind` // 8 is the time that passes before."""
    return struct.pack(">BH", kind, len(payload)) + payload


def publish(user, body, *more):
    return raw(command(user, 30, pb(1, "q1"), pb(3, pb(1, body) + b"".join(more))))


def receive(user, queue="q1"):
    return raw(command(user, 31, pb(1, queue), pb(2, 10), pb(5, 1000)))


def receipts(queue, *pairs):
    return pb(1, queue) + b"".join(pb(2, pb(1, m) + pb(2, lease)) for m, lease in pairs)


CLOCK_1_S = bytes([3 * 8 + 7])
CLOCK_30_S = bytes([4 * 8 + 7])
CLOCK_1_H = bytes([5 * 8 + 7])
FIRST = 10  # Offset of the first step: the world before it has ten entries.
ID = FIRST * 4096  # Of the first message, when the first step makes one.


def lease(step):
    """Of the first message that the receive of that step gave."""
    return (FIRST + step) * 4096


APPLY = {
    "structured": bytes([0] + list(range(1, 120))),
    "deliver": b"\0" + publish("bob", "hello") + receive("ann")
               + raw(command("ann", 32, receipts("q1", (ID, lease(1))))),
    "lease-runs-out": b"\x1b" + publish("bob", "x") + receive("bob") + CLOCK_30_S + receive("ann") + CLOCK_1_H
                      + receive("ann", "q2"),
    "options": b"\x09" + publish("bob", "x", pb(3, 1000), pb(4, 5000), pb(5, 7), pb(6, "g1"), pb(7, "d1"))
               + publish("bob", "y", pb(6, "g1"), pb(7, "d1")) + CLOCK_1_S + receive("bob")
               + publish("bob", "z", pb(4, 10)) + CLOCK_30_S,
    "topic": b"\x05" + raw(command("bob", 42, pb(1, "t.1")))
             + raw(command("ann", 30, pb(2, "t.1"), pb(3, pb(1, "x")))) + raw(command("bob", 41, pb(1, "t.1"))),
    "nack": b"\x02" + publish("bob", "x") + receive("ann")
            + raw(command("ann", 33, receipts("q1", (ID, lease(1))), pb(3, 0), pb(4, "why"))) + receive("ann")
            + raw(command("ann", 33, receipts("q1", (ID, lease(3))), pb(3, 1))) + CLOCK_30_S
            + raw(command("ann", 36, pb(1, "q2"), pb(2, 10))),
    "transaction": b"\x03" + publish("bob", "x") + receive("ann")
                   + raw(command("ann", 50, pb(1, pb(1, pb(1, "q2") + pb(3, pb(1, "y")))),
                                 pb(1, pb(2, receipts("q1", (ID, lease(1))))))),
    "delete": b"\x04" + publish("bob", "x") + raw(command("ann", 22, pb(1, "q1")))
              + raw(command("ann", 23, pb(1, "q1"), pb(2, 9))) + raw(command("ann", 22, pb(1, "q1")))
              + raw(command("admin", 12, pb(1, "bob"))),
    "accounts": b"\x06" + raw(command("", 10, pb(1, "cy"), pb(2, "h")))
                + raw(command("", 13, pb(1, "cy"), pb(2, "cy#0".ljust(32, ".")), pb(3, ID), pb(4, 1000)))
                + raw(command("cy", 20, pb(1, "q3"), pb(2, pb(11, "bob")))) + CLOCK_1_H
                + raw(command("cy", 22, pb(1, "q3"))),
    "not-a-command": b"\0" + raw(b"\xff\xff\xff") + raw(b""),
}

AUTH = {
    "good": b"\0Bearer mom_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
    "small": b"\0bearer mom_",
    "changed": b"\1\0b\x07m\x35-\x35=",
}

CONFIG = {
    "all": b'\0node_id = 3\nrest_threads = 4\ndata_dir = "d"\nrest_listen = "[::1]:80"\nlog_level = "debug"\n'
           b'registration = "closed"\nlog_retain_mib = 1\npeers = "3=a:1"\n',
    "types": b"\0node_id = '7'\njoin = 5\n",
    "list": b'\0peers = "[a,b]"\ndata_dir = "[]"\n',
    "escapes": b"\0" + rb'''data_dir = "a\u00e9\U0001F600\"\\" # x''' + b"\r\n",
    "fraction": b"\0node_id = 11111111111111111111.11115\n",
    "table": b"\0[node_id]\nx = 1.5\n",
    "no-key": b"\0[=]\n",
    "wrong": b"\0node_id = 0\n",
    "unknown": b"\0who = 2026-01-31T00:00:00Z # why\n",
    "host-port": b"\x03[::1]:8080",
}

GET = b"GET /v1/queues/a?limit=5 HTTP/1.1\r\nHost: a\r\n\r\n"
POST = (b"POST /v1/queues/a/messages HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
        b"Mom-Delay-Ms: 10\r\nMom-Group: g\r\nMom-Header-A: b\r\n\r\nhello")
HTTP = {
    "get": b"\0\x01\x05\x07" + GET,
    "pipelined": b"\0\x02\x10\x01\x03" + POST + b"\r\n" + GET + POST,
    "small-limits": b"\1\0\x02PUT /a HTTP/1.1\r\nHost:a\r\nContent-Length: 3\r\n\r\nabc",
    "continue": b"\0\0\x04POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\nabc",
    "old": b"\0\0\x04GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    "empty-lines": b"\0\0\x00\r\n\r\n" + GET,
    "chunked": b"\0\0\x04POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks": b"\0\1\x04\x02POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n1 ;a=b\r\n!\r\n"
              b"0\r\nX: y\r\n\r\n" + GET,
    "chunks-small-limits": b"\1\0\x02PUT /a HTTP/1.1\r\nHost:a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n",
    "absolute": b"\0\0\x04GET http://a:1/b?c=d HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "header-twice": b"\0\0\x04GET / HTTP/1.1\r\nHost: a\r\nMom-Group: a\r\nmom-group: a\r\n\r\n",
    "twice": b"\0\0\x04POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "answer": b"\x07\x01\x02\x01a\x03b\r\n\x01c\x02de\x03i\nd",
}

JSON = {
    "message": rb'{"body":"h\u00e9\n","delay_ms":5,"ttl_ms":6,"priority":9,"group":"g","headers":{"a":"b"}}',
    "base64": b'{"body_base64":"AAEC","content_type":"a/b","dedup_id":"d","reply_to":"r","correlation_id":"c"}',
    "receipts": b'{"receipts":["000000000000a000-000000000000000b"]}',
    "messages": b'{"messages":[{"body":"a"},{"body":"b","ttl_ms":null}]}',
    "nested": b'{"a":{"b":[{"c":[1]},{}],"":true},"d":[[],["x"]],"e":-9223372036854775808}',
    "numbers": b'{"a":1.5,"b":1e2,"c":9223372036854775808,"d":-0}',
    "escapes": rb'{"\ud83d\ude00":"\"\\\/\b\f\n\r\t\u0000"}',
    "twice": b'{"a":1,"a":2}',
    "twice-like-a-fault": b'{"not JSON at byte 1":{"a":1,"a":2}}',
    "deep": b'{"a":' * 17 + b"1" + b"}" * 17,
    "behind": b'{"a":1} x',
    "list": b"[1]",
}

def uuid(number):
    return b"\x09" + struct.pack("<Q", number) + b"\x11" + struct.pack("<Q", number)


HEADER = pb(1, pb(1, 1) + pb(2, uuid(7)) + pb(3, 1) + pb(4, uuid(8)) + pb(5, 2))
VOTER = pb(1, 1) + pb(2, uuid(8))
ENTRY = pb(1, 2) + pb(2, 1_700_000_000_000)
PEER_WIRE = {
    "vote": b"\0" + HEADER + pb(2, pb(1, 5) + pb(2, 1) + pb(3, 9) + pb(4, 4) + pb(5, 100)),
    "vote-reply": b"\0" + HEADER + pb(3, pb(1, 5) + pb(2, 1) + pb(5, 11)),
    "begin": b"\0" + HEADER + pb(4, pb(1, 5)),
    "end": b"\0" + HEADER + pb(5, pb(1, 5) + pb(2, b"\2\3")),
    "hand-over": b"\0" + HEADER + pb(6, pb(1, 5)),
    "epoch-reply": b"\0" + HEADER + pb(7, pb(1, 5) + pb(3, 4)),
    "fetch": b"\1" + HEADER + pb(2, 5) + pb(3, 1) + pb(4, 1) + pb(5, 100) + pb(6, 4) + pb(7, 90) + pb(8, 3),
    "frame": b"\2" + HEADER + pb(2, 5) + pb(3, 1) + pb(4, 1) + pb(5, 90)
             + pb(6, pb(1, 100) + pb(2, 3) + pb(3, ENTRY + pb(3, 1) + pb(4, "1")) + pb(3, ENTRY + pb(3, 2) + pb(4, "x"))),
    "diverging": b"\2" + HEADER + pb(4, 1) + pb(7, pb(1, 4) + pb(2, 80)),
    "snapshot": b"\2" + HEADER + pb(4, 1) + pb(8, pb(1, 80) + pb(2, 4)),
    "refused": b"\2" + HEADER + pb(4, 1) + pb(9, pb(1, 7) + pb(2, 12)),
    "greeting": b"\3" + HEADER + pb(2, VOTER) + pb(3, "1=a:1"),
    "outcome": b"\4" + HEADER + pb(2, 8) + pb(3, "node 2") + pb(4, pb(2, "d")) + pb(5, 7) + pb(6, 5),
    "barrier": b"\5" + HEADER + pb(4, 100),
    "chunk-request": b"\6" + HEADER + pb(2, pb(1, 80) + pb(2, 4)) + pb(3, 5) + pb(4, "key"),
    "chunk": b"\7" + HEADER + pb(4, pb(1, 5) + pb(2, pb(1, "a") + pb(2, "1")) + pb(2, pb(1, "b")) + pb(3, 1) + pb(4, 2)
                                    + pb(7, VOTER)),
    "status": b"\x09" + HEADER + pb(4, pb(1, 3) + pb(2, 5) + pb(3, 1) + pb(5, 100) + pb(7, 99) + pb(8, pb(1, 90)) + pb(11, 1)
                                     + pb(13, "0.1.0") + pb(14, "a:1") + pb(15, pb(1, 64)) + pb(15, pb(1, 90))),
}

QUORUM = {
    "count": bytes(range(96)),
    "steps": bytes(7 * i * i % 251 for i in range(200)),
}

SMALL_FILES = {
    "file": b"\0MOMHDRST" + bytes(24),
    "hard-state-body": b"\1\0\1" + bytes(range(32)),
    "identity-body": b"\1\1\1" + bytes(range(36)) + b"\1\0\0\0",
    "log-mark-body": b"\1\2\1" + bytes(range(60)) + b"\2\0\0\0",
    "hint-body": b"\1\3\1" + bytes(32),
    "hard-state": b"\2\0" + bytes(range(44)) + b"\1\x18\7",
    "identity": b"\2\1" + bytes(range(44)) + b"\2\x18\7\x20\0",
    "log-mark": b"\2\2" + bytes(range(90)) + b"\0\x08\0\3\x20",
}

TEXT = {
    "name": b"\0queue-1.a_b",
    "utf-8": "\0aé€😀\x85".encode(),
    "utf-8-last": b"\0\xf4\x8f\xbf\xbf\xed\x9f\xbf",
    "utf-8-surrogate": b"\0\xed\xa0\x80",
    "utf-8-overlong": b"\0\xc1\xbf",
    "utf-8-overlong-3": b"\0\xe0\x9f\xbf",
    "utf-8-too-large": b"\0\xf4\x90\x80\x80",
    "utf-8-cut": b"\0a\xe2\x82",
    "base64": b"\1QUJDRA==",
    "base64-unused-bits": b"\1QUJDRB==",
    "base64-full": b"\1+/+/",
    "id": b"\1000000000000a000",
    "receipt": b"\1000000000000a000-ffffffffffffffff",
    "pages": b"\2\1\0\0a\1\1bc\0\0d\1\2abc\3",
    "numbers": b"\3" + struct.pack(">QQ", 1_700_000_000_123, 2**63),
    "leap-day": b"\3" + struct.pack(">QQ", 951_827_696_000 + 62_167_219_200_000, 0),
}

URL = {
    "query": b"\0limit=10&after=61&x=%20+y&&z",
    "query-twice": b"\0a=1&%61=2",
    "query-numbers": b"\0a=-5&b=1000001&c=00&d=9223372036854775808",
    "path": b"\1/v1/queues/a%2Fb/messages/1",
    "path-all": b"\1/v1/queues/all/messages",
    "path-dots": b"\1/v1/queues/%2e%2e/messages",
    "path-long": b"\1/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p",
    "slash": b"\1/a/b/x/",
    "head": b"\3/v1/queues/a",
    "delete": b"\x09/v1/queues/%c3%a9",
}

WAL = {
    "segment": b"\0MOMWLOG1" + bytes(64),
    "records": b"\1\x5a\x96\xa5\xc3" + bytes(60),
    "change": b"\2\x02\x00\xff\x02\x40\0",
    "mark": b"\3MLOGMARK" + bytes(80),
}


def main():
    targets = {"apply": APPLY, "auth": AUTH, "config": CONFIG, "http": HTTP, "json": JSON, "peer_wire": PEER_WIRE,
               "quorum": QUORUM, "small_files": SMALL_FILES, "text": TEXT, "url": URL, "wal": WAL}
    for target, seeds in targets.items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in seeds.items():
            (folder / f"{name}.seed").write_bytes(content)
    print(f"{sum(map(len, targets.values()))} seeds in {CORPUS}")


if __name__ == "__main__":
    main()
