from __future__ import annotations

import base64
import json
import re
import zlib
from uuid import UUID

import pytest
from benchmarks.harness.command_template import Template, pack, parse_monitored

NUMBER = b"7777777777"
HEX = b"0123456789abcdef0123456789abcdef"
SHA1 = b"da39a3ee5e6b4b0d3255bfef95601890afd80709"


def test_monitored_line_becomes_the_command() -> None:
    line = rb'+1700000000.1 [0 127.0.0.1:5] "SET" "a \"b\" \\ c" "\x00\xff\r\n"' + b"\r\n"

    assert parse_monitored(line) == (b"SET", b'a "b" \\ c', b"\x00\xff\r\n")


@pytest.mark.parametrize("line", [b'+1.1 [0 lua] "SET" "a" "b"\r\n', b"+OK\r\n"])
def test_what_no_client_sent_is_passed_over(line: bytes) -> None:
    assert parse_monitored(line) is None


def test_each_task_gets_its_number_and_ids_of_its_own() -> None:
    template = Template(
        [(b"PING",), (b"HSET", b"job:" + HEX, b"arg", NUMBER), (b"EVALSHA", SHA1, b"1", NUMBER, HEX)], NUMBER
    )

    sent = template.render(b"0000000042")

    (new_id,) = set(re.findall(rb"job:(\w+)", sent))
    assert new_id != HEX
    assert UUID(new_id.decode()).hex == new_id.decode()
    assert template.commands == 2
    assert sent == pack((b"HSET", b"job:" + new_id, b"arg", b"0000000042")) + pack(
        (b"EVALSHA", SHA1, b"1", b"0000000042", new_id)
    )


def test_id_with_hyphens_stays_one() -> None:
    template = Template([(b"ZADD", b"01900000-0000-7000-8000-000000000000:" + NUMBER)], NUMBER)

    assert re.search(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:0000000001", template.render(b"0000000001"))


def test_number_is_found_in_what_is_deflated() -> None:
    sent = Template([(b"HSET", zlib.compress(b"call " + NUMBER))], NUMBER).render(b"0000000042")

    packed = zlib.compress(b"call 0000000042")
    assert sent == pack((b"HSET", packed))


def test_number_is_found_in_a_body_in_base_64() -> None:
    body = base64.b64encode(b'[["' + NUMBER + b'"]]').decode()
    message = json.dumps({"body": body, "shown": NUMBER.decode()}).encode()

    sent = Template([(b"LPUSH", message)], NUMBER).render(b"0000000042")

    read = json.loads(sent[sent.index(b"{") : sent.rindex(b"}") + 1])
    assert base64.b64decode(read["body"]) == b'[["0000000042"]]'
    assert read["shown"] == "0000000042"


def test_enqueue_without_the_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no command has the number"):
        Template([(b"SET", b"a", b"b")], NUMBER)
