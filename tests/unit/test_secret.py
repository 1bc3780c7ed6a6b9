"""A Secret shows itself to nobody who does not ask by name."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import traceback
from dataclasses import asdict, dataclass

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tui_chat.secret import Secret

VALUE = "tok-5b0c7c1e-canary"


@dataclass
class Holder:
    token: Secret


def shown(secret: Secret) -> list[str]:
    holder = Holder(secret)
    return [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>20}",
        f"{secret!r}",
        f"{secret!s}",
        "{}".format(secret),  # noqa: UP032 - one more way in which a value gets shown
        "%s %r" % (secret, secret),  # noqa: UP031 - same
        repr([secret]),
        repr({"a": secret}),
        repr(holder),
        pprint.pformat(holder),
        ascii(secret),
        secret.digest(),
    ]


@given(st.text(min_size=5))
def test_no_way_of_showing_shows_the_value(value: str) -> None:
    assume(value.strip("*") and value not in "Secret('********') Holder(token=")
    secret = Secret(value)
    for text in shown(secret):
        assert value not in text
    assert secret.reveal() == value


def test_logging_and_tracebacks_mask(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(VALUE)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").debug("token %s %r", secret, {"token": secret})

    def fail(token: Secret) -> None:
        raise ValueError(token)

    with pytest.raises(ValueError, match=r"\*+") as caught:
        fail(secret)
    report = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert "token = Secret(" in report
    assert VALUE not in caplog.text
    assert "***" in caplog.text
    assert VALUE not in report


def test_it_cannot_be_serialised() -> None:
    secret = Secret(VALUE)
    with pytest.raises(TypeError, match="cannot be serialised"):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)
    with pytest.raises(TypeError):
        json.dumps({"token": secret})
    with pytest.raises(TypeError):
        asdict(Holder(secret))
    with pytest.raises(TypeError):
        vars(secret)


@given(st.text(), st.text())
def test_equality_is_that_of_the_values(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) is (one == other)
    assert Secret(one) == Secret(Secret(one))
    assert hash(Secret(one)) == hash(Secret(one))
    assert (Secret(one).digest() == Secret(other).digest()) is (one == other)
    assert (Secret(one) == one) is False


@given(st.text())
def test_digest_is_short_and_stable(value: str) -> None:
    digest = Secret(value).digest()
    assert len(digest) == 8
    assert int(digest, 16) >= 0
    assert digest == Secret(value).digest()


def test_truth_and_length() -> None:
    assert not Secret("")
    assert Secret("x")
    assert len(Secret("four")) == 4


def test_lone_surrogates_are_held() -> None:
    secret = Secret("a\ud800b")
    assert secret == Secret("a\ud800b")
    assert secret != Secret("a\ud801b")
    assert secret.digest()
