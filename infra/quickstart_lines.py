#!/usr/bin/env python3
"""Turns a file's lines into batch requests and received messages back into a file, byte for byte.

  split FILE DIR                  DIR/000001.json, ...: bodies of POST /v1/queues/{q}/batch; prints a summary
  take ANSWER DIR --sender NAME   appends the answer's messages to DIR/received, writes DIR/ack.json, prints
                                  how many there were; fails on a wrong sender or a message seen before
  finish FILE RECEIVED            removes the last line break of RECEIVED when FILE ends without one
"""

import argparse
import base64
import json
import os
import sys

MESSAGES_MAX = 100
LINE_BYTES_MAX = 1 << 20   # The broker's limit of one message.
BATCH_BYTES_MAX = 2 << 20  # Below the broker's limit of 4 MiB, with room for base64.


def as_message(line):
    try:
        return {"body": line.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(line).decode("ascii")}


def split(file, folder):
    lines = batches = size = 0
    messages = []

    def flush():
        nonlocal batches, messages, size
        if messages:
            batches += 1
            with open(os.path.join(folder, f"{batches:06d}.json"), "w", encoding="utf-8") as out:
                json.dump({"messages": messages}, out, ensure_ascii=False)
        messages, size = [], 0

    with open(file, "rb") as source:
        for line in source:
            lines += 1
            line = line.removesuffix(b"\n")
            if len(line) > LINE_BYTES_MAX:
                sys.exit(f"line {lines} has {len(line)} bytes; a message holds at most {LINE_BYTES_MAX}")
            if len(messages) == MESSAGES_MAX or size + len(line) > BATCH_BYTES_MAX:
                flush()
            messages.append(as_message(line))
            size += len(line)
    flush()
    print(json.dumps({"lines": lines, "batches": batches}))


def take(answer, folder, sender):
    with open(answer, encoding="utf-8") as file:
        messages = json.load(file)["messages"]
    ids_file = os.path.join(folder, "last_id")
    last = ""
    if os.path.exists(ids_file):
        with open(ids_file, encoding="utf-8") as file:
            last = file.read()
    seen = {last}
    with open(os.path.join(folder, "received"), "ab") as out:
        for message in messages:
            if message["sender"] != sender:
                sys.exit(f"message {message['id']} says that {message['sender']} sent it, not {sender}")
            if message["id"] in seen:
                sys.exit(f"message {message['id']} was received before")
            seen.add(message["id"])
            last = message["id"]
            body = message["body"].encode() if "body" in message else base64.b64decode(message["body_base64"])
            out.write(body + b"\n")
    with open(os.path.join(folder, "ack.json"), "w", encoding="utf-8") as out:
        json.dump({"receipts": [message["receipt"] for message in messages]}, out)
    with open(ids_file, "w", encoding="utf-8") as out:
        out.write(str(last))
    print(len(messages))


def finish(file, received):
    with open(file, "rb") as source:
        source.seek(-1, os.SEEK_END)
        ends_with_break = source.read(1) == b"\n"
    if not ends_with_break:
        os.truncate(received, os.path.getsize(received) - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("split")
    command.add_argument("file")
    command.add_argument("folder")
    command = commands.add_parser("take")
    command.add_argument("answer")
    command.add_argument("folder")
    command.add_argument("--sender", required=True)
    command = commands.add_parser("finish")
    command.add_argument("file")
    command.add_argument("received")
    arguments = vars(parser.parse_args())
    {"split": split, "take": take, "finish": finish}[arguments.pop("command")](**arguments)


if __name__ == "__main__":
    main()
