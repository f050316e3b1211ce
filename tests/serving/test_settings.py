import pytest

from recsys.errors import InputError
from recsys.serving.settings import ServingSettings, read_labels, serving_token

TOKEN = "0123456789abcdef" * 2


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for end in ("", "_FILE", "_COMMAND"):
        monkeypatch.delenv(f"RECSYS_KEY_SERVE{end}", raising=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_needs_no_token(host):
    assert serving_token(ServingSettings(host=host)) is None


def test_other_machines_need_one(monkeypatch, tmp_path):
    open_to_all = ServingSettings(host="0.0.0.0")
    with pytest.raises(InputError, match=r"RECSYS_KEY_SERVE .*--without-token"):
        serving_token(open_to_all)
    assert serving_token(ServingSettings(host="0.0.0.0", without_token=True)) is None
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o600)
    with monkeypatch.context() as patch:
        patch.setenv("RECSYS_KEY_SERVE_FILE", str(file))
        assert serving_token(open_to_all) == TOKEN.encode()
    monkeypatch.setenv("RECSYS_KEY_SERVE", TOKEN)
    assert serving_token(open_to_all) == TOKEN.encode()


@pytest.mark.parametrize("token", ["", "short"])
def test_a_token_that_is_none_is_refused_and_not_shown(monkeypatch, token):
    monkeypatch.setenv("RECSYS_KEY_SERVE", token)
    with pytest.raises(InputError, match="RECSYS_KEY_SERVE") as raised:
        serving_token(ServingSettings())
    assert "short" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rate": "often"}, "--rate: write it as 100/second.*'often'"),
        ({"name": "a b"}, "--name: "),
        ({"poll_seconds": 0}, "--poll-seconds: "),
    ],
)
def test_settings_that_cannot_be_used(given, said):
    with pytest.raises(InputError, match=said):
        ServingSettings.of(**given)


@pytest.mark.parametrize("given", [["canary"], ["canary="], ["canary=new"], ["a=1", "a=2"]])
def test_labels_that_are_none(given):
    with pytest.raises(InputError, match="--label"):
        read_labels(given)
