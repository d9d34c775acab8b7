"""The resources of the command line, against a registry that is really served."""

import gzip
import hashlib
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from firsthand.http import credentials
from tests.conftest import Registry
from tests.factories import write_lines
from tests.firsthand.conftest import Firsthand


@pytest.fixture
def texts(firsthand: Firsthand, tmp_path: Path) -> Firsthand:
    """60 human texts, and 40 of a model that was trained on them."""
    firsthand("dataset", "create", "local/letters", "--profile", "text-1", "--title", "Letters [to] the editor")
    firsthand("dataset", "create", "local/answers", "--profile", "text-1")
    for name, count in (("letter", 60), ("answer", 40)):
        rows = "".join(json.dumps({"text": f"{name} {n}"}) + "\n" for n in range(count))
        (tmp_path / f"{name}s.jsonl").write_text(rows)
    firsthand("register", tmp_path / "letters.jsonl", "--dataset", "local/letters", "--human")
    firsthand("model", "create", "local/writer@1", "--trained-on", "local/letters")
    firsthand("register", tmp_path / "answers.jsonl", "--dataset", "local/answers", "--model", "local/writer@1")
    return firsthand


def test_a_models_generation_is_computed_from_what_it_was_trained_on(texts: Firsthand) -> None:
    shown = texts("model", "show", "local/writer@1", "--json").json
    assert (shown["generation"], shown["basis"], shown["trained_on_counts"]["human"]) == (1, "computed", 60)
    mix = texts("mix", "create", "--part", "size=30", "--json").json
    texts("model", "create", "local/writer@2", "--trained-on", mix["id"])
    assert texts("model", "show", "local/writer@2", "--json").json["generation"] == 2
    listed = [(row["name"], row["generation"]) for row in texts("model", "list", "--json").lines]
    assert listed == [("local/writer@1", 1), ("local/writer@2", 2)]
    refused = texts("model", "create", "local/writer@3", "--trained-on", mix["id"], "--generation", 7, status=1)
    assert "7" in refused.err
    assert "2" in refused.err


def test_a_mix_is_drawn_shown_and_downloaded(texts: Firsthand, tmp_path: Path) -> None:
    words = ("--size", 50, "--part", "verdict=human,share=0.4", "--part", "generation=1,share=0.6", "--seed", 3)
    counted = texts("mix", "create", *words, "--dry-run")
    assert "mix (dry run, not stored): 50 items" in counted.out
    assert "20 human, 30 model (generation 1: 30)" in counted.out
    mix = texts("mix", "create", *words, "--json").json
    assert texts("mix", "show", mix["id"], "--json").json == mix
    assert mix["id"] in texts("mix", "show", mix["id"]).out
    texts("mix", "download", mix["id"], "--out", tmp_path / "mix.txt")
    texts("mix", "download", mix["id"], "--out", tmp_path / "mix.bin")
    raw = (tmp_path / "mix.bin").read_bytes()
    assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == mix["digest"]
    lines = (tmp_path / "mix.txt").read_text().splitlines()
    assert lines == [f"sha256:{raw[n : n + 32].hex()}" for n in range(0, 50 * 32, 32)]


def test_the_same_recipe_in_yaml_is_the_same_mix(texts: Firsthand, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("seed: 3\nparts:\n  - verdict_in: [human]\n    datasets: [local/letters]\n    size: 10\n")
    by_file = texts("mix", "create", recipe, "--json").json
    by_words = texts(
        "mix", "create", "--part", "verdict=human,dataset=local/letters,size=10", "--seed", 3, "--json"
    ).json
    assert by_file["id"] == by_words["id"]


def test_options_that_are_typed_come_before_the_recipe_in_a_file_and_others_leave_it_be(
    texts: Firsthand, tmp_path: Path
) -> None:
    head = max(row["position"] for row in texts("log", "list", "--json").lines)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"seed: 3\npolicy: pessimistic\nas_of: {head}\nparts:\n  - verdict_in: [human]\n    size: 10\n")
    mix_of_the_past = texts("mix", "create", recipe, "--seed", 99, "--as-of", head - 1, "--json").json
    assert (mix_of_the_past["recipe"]["seed"], mix_of_the_past["position"], mix_of_the_past["recipe"]["policy"]) == (
        99,
        head - 1,
        "pessimistic",
    )
    plain = texts("mix", "create", recipe, "--json").json
    assert (plain["recipe"]["seed"], plain["position"]) == (3, head)
    assert plain["digest"] != mix_of_the_past["digest"]
    zero = texts("mix", "create", recipe, "--seed", 0, "--policy", "strict", "--json").json["recipe"]
    assert (zero["seed"], zero["policy"]) == (0, "strict")
    refused = texts("mix", "create", recipe, "--size", 5, status=2).err
    assert "needs a share" in " ".join(refused.replace("│", " ").split())


def test_a_mix_that_asks_too_much_is_refused_with_what_there_is(texts: Firsthand) -> None:
    ran = texts("mix", "create", "--part", "verdict=human,size=61", status=1)
    assert "61" in ran.err
    assert "60" in ran.err
    assert (
        texts("mix", "create", "--part", "verdict=human,size=61", "--shortfall", "shrink", "--json").json["items"] == 60
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--part", "verdict=humane"], "'humane': use 'unknown', 'human', 'model' or 'contested'"),
        (["--part", "colour=red"], "colour: there is no such field"),
        (["--part", "human"], "'human': there is no '='"),
        (["--part", "share=0.5"], "so the recipe needs a size"),
        ([], "use either a YAML file with the recipe, or --part"),
        (["recipe.yaml", "--part", "size=1"], "use either a YAML file with the recipe, or --part"),
    ],
)
def test_a_recipe_that_is_none_is_a_usage_error_in_words(alone: Firsthand, words: list[str], message: str) -> None:
    assert message in " ".join(alone("mix", "create", *words, status=2).err.replace("│", " ").split())


def test_who_says_what_of_an_item_is_shown_contested_and_taken_back(
    texts: Firsthand, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "letter.txt").write_text("letter 1\n")
    exact, canonical = texts("item", "show", tmp_path / "letter.txt", "--json").lines
    assert (exact["verdict"], exact["claims"]) == ("unknown", [])
    (claim,) = canonical["claims"]
    assert (canonical["verdict"], claim["origin"], claim["dataset"]) == ("human", "human", "local/letters")
    texts("organization", "create", "other")
    monkeypatch.setenv("FIRSTHAND_API_KEY", texts("key", "create", "other", "--json").json["key"])
    texts("registration", "dispute", claim["registration"], "--digest", canonical["digest"], "--reason", "ours")
    monkeypatch.setenv("FIRSTHAND_API_KEY", registry.api_key)
    assert "contested" in texts("item", "show", canonical["digest"]).out
    shown = texts("item", "show", canonical["digest"]).out
    assert "disputed at" in shown
    assert ", because a claim is disputed\n" in shown
    number = claim["registration"]
    assert f"registration {number} was disputed by other at position" in shown
    assert shown.endswith(": ours\n")
    texts("registration", "withdraw", claim["registration"], "--reason", "by mistake")
    shown = texts("item", "show", canonical["digest"]).out
    assert "withdrawn at" in shown
    assert f"registration {number} was withdrawn by local at position" in shown
    assert shown.endswith(": by mistake\n")
    (known,) = texts("item", "show", canonical["digest"], "--json").lines
    assert [(c["kind"], c["organization"], c["registration"], c["reason"]) for c in known["corrections"]] == [
        ("dispute", "other", number, "ours"),
        ("withdrawal", "local", number, "by mistake"),
    ]
    assert texts("registration", "show", claim["registration"], "--json").json["withdrawn"] is not None
    texts("item", "show", "no such thing", status=2)


def test_an_item_is_shown_by_the_name_that_check_prints(texts: Firsthand, tmp_path: Path) -> None:
    rows = write_lines(tmp_path / "rows.jsonl", ["nobody's", "letter 1", "letter 2"], field="body")
    (tmp_path / "page.txt.gz").write_bytes(gzip.compress(b"letter 3"))
    names = [
        line.rsplit("  ", 1)[1]
        for path in (rows, tmp_path / "page.txt.gz")
        for line in texts("check", path, "--items", "--field", "body").out.splitlines()
        if line.startswith("human") and str(tmp_path) in line
    ]
    assert names == [f"{rows}:2", f"{rows}:3", str(tmp_path / "page.txt.gz")]
    for name in names:
        verdicts = [item["verdict"] for item in texts("item", "show", name, "--field", "body", "--json").lines]
        assert verdicts == ["human"]
    assert "unknown" in texts("item", "show", f"{rows}:1", "--field", "body").out


def test_a_row_that_is_not_there_or_holds_no_item_is_named(alone: Firsthand, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": null}\n{"text": 5}\n')
    (tmp_path / "page.txt").write_text("a page")
    assert f"{rows} has no row 9; its last row has the number 2" in alone("item", "show", f"{rows}:9", status=1).err
    assert f"{rows}:1: the field 'text' is null" in alone("item", "show", f"{rows}:1", status=1).err
    assert "line 2: the field 'text' must hold a text" in alone("item", "show", f"{rows}:2", status=1).err
    assert "is one item and has no rows" in alone("item", "show", tmp_path / "page.txt:1", status=1).err
    ran = alone("item", "show", tmp_path / "nowhere.jsonl:1", status=2)
    assert "is not a file, a row of a file or a digest" in " ".join(ran.err.replace("│", " ").split())


def test_datasets_are_listed_for_people_and_for_machines(texts: Firsthand) -> None:
    table = texts("dataset", "list").out.splitlines()
    assert table[0].split() == ["name", "profile", "registrations", "claims", "title"]
    assert table[2].split(maxsplit=4) == ["local/letters", "text-1", "1", "60", "Letters [to] the editor"]
    assert [row["name"] for row in texts("dataset", "list", "--json").lines] == ["local/answers", "local/letters"]


def test_a_dataset_with_another_profile_is_another_dataset(texts: Firsthand) -> None:
    texts("dataset", "create", "local/letters", "--profile", "text-1", "--title", "Letters [to] the editor")
    texts("dataset", "create", "local/letters", "--profile", "bytes-1", status=1)


def test_the_log_is_listed_from_any_position_and_shown_whole(texts: Firsthand) -> None:
    log = texts("log", "list", "--json").lines
    assert [row["position"] for row in log] == list(range(1, len(log) + 1))
    after = texts("log", "list", "--after", 2, "--limit", 2, "--json").lines
    assert [row["position"] for row in after] == [3, 4]
    shown = texts("log", "show", 3, "--json").json
    assert shown == log[2]
    assert "registration" in texts("log", "list").out
    assert "There is no statement at position 999" in texts("log", "show", 999, status=1).err


def test_a_key_is_shown_once_and_opens_nothing_after_it_was_revoked(
    firsthand: Firsthand, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    firsthand("organization", "create", "acme", "--title", "Acme Ltd")
    assert [row["name"] for row in firsthand("organization", "list", "--json").lines] == ["acme", "local"]
    key = firsthand("key", "create", "acme", "--name", "nightly", "--scope", "write", "--json").json
    assert key["scopes"] == ["write"]
    assert key["key"] not in firsthand("key", "list").out
    monkeypatch.setenv("FIRSTHAND_API_KEY", key["key"])
    firsthand("dataset", "create", "acme/web")
    monkeypatch.setenv("FIRSTHAND_API_KEY", registry.api_key)
    firsthand("key", "revoke", key["id"])
    monkeypatch.setenv("FIRSTHAND_API_KEY", key["key"])
    assert "revoked" in firsthand("dataset", "create", "acme/more", status=1).err


def test_the_key_alone_is_printed_for_scripts_and_an_expired_key_is_marked(
    firsthand: Firsthand, registry: Registry
) -> None:
    created = firsthand("key", "create", "local", "--expires", "1h", "--key-only")
    assert "Store the key now" in created.err
    id_ = created.out.split("_")[1]
    rotated = firsthand("key", "rotate", id_, "--overlap", "0s", "--expires", "1d", "--key-only").out.strip()
    assert registry.client(rotated).whoami().expires_at is not None
    (row,) = (line for line in firsthand("key", "list").out.splitlines() if line.startswith(id_))
    assert "(expired)" in row
    (row,) = (line for line in firsthand("key", "list").out.splitlines() if line.startswith(rotated.split("_")[1]))
    assert "(expired)" not in row


def test_a_key_expires_and_is_rotated(
    firsthand: Firsthand, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = firsthand("key", "create", "local", "--expires", "90d", "--json").json
    lifetime = datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])
    assert abs(lifetime - timedelta(days=90)) < timedelta(minutes=10)
    dated = firsthand("key", "create", "local", "--expires", "2100-01-31", "--json").json
    assert dated["expires_at"] == "2100-01-31T00:00:00Z"
    shown = firsthand("key", "list").out
    assert shown.split("\n")[0].split() == [
        "id",
        "organization",
        "scopes",
        "created",
        "expires",
        "last",
        "used",
        "revoked",
        "name",
    ]
    assert "2100-01-31T00:00:00" in shown
    rotated = firsthand("key", "rotate", key["id"], "--overlap", "7d", "--json").json
    assert (rotated["replaces"], rotated["scopes"]) == (key["id"], key["scopes"])
    monkeypatch.delenv("FIRSTHAND_API_KEY")
    firsthand("login", registry.url, stdin=registry.api_key)
    own = firsthand("key", "rotate", "--overlap", "0s", "--json")
    assert "The new key is stored in" in own.err
    assert credentials.load().registries[registry.url].api_key == own.json["key"]
    firsthand("key", "list")  # by the new key: the old one has ended
    monkeypatch.setenv("FIRSTHAND_API_KEY", registry.api_key)
    assert "This API key expired at" in firsthand("key", "list", status=1).err


@pytest.mark.parametrize(
    ("option", "value"), [("--overlap", "7"), ("--overlap", "1w"), ("--expires", "soon"), ("--expires", "90")]
)
def test_a_duration_that_is_none_is_a_usage_error_with_an_example(alone: Firsthand, option: str, value: str) -> None:
    refused = " ".join(alone("key", "rotate", "0" * 12, option, value, status=2).err.replace("│", " ").split())
    assert f"'{value}': use a" in refused
    assert "7d" in refused or "90d" in refused


def test_a_scope_that_is_none_is_a_usage_error(alone: Firsthand) -> None:
    assert (
        "'root': use one of read, write, admin, operator"
        in alone("key", "create", "acme", "--scope", "root", status=2).err
    )


def test_after_a_login_the_commands_find_registry_and_key(alone: Firsthand, registry: Registry, tmp_path: Path) -> None:
    ran = alone("login", registry.url + "/", stdin=registry.api_key + "\n")
    assert f"Logged in to {registry.url} as local" in ran.out
    stored = credentials.path()
    assert stored.stat().st_mode & 0o777 == 0o600
    alone("dataset", "create", "local/letters")
    assert registry.api_key not in ran.out
    printed = alone("login", registry.url, "--json", stdin=registry.api_key + "\n").json
    assert printed == {"organization": "local", "url": registry.url, "kept_in": str(stored)}


def test_a_login_without_a_key_keeps_nothing(alone: Firsthand, registry: Registry) -> None:
    alone("login", registry.url, stdin=registry.api_key + "\n")
    before = credentials.path().read_text()
    assert "standard input is empty" in alone("login", registry.url, stdin="\n", status=2).err
    assert credentials.path().read_text() == before


def test_a_login_with_a_key_that_does_not_open_keeps_nothing(alone: Firsthand, registry: Registry) -> None:
    ran = alone("login", registry.url, "--api-key", "fh_000000000000_wrong", status=1)
    assert "not known to this registry" in ran.err
    assert not credentials.path().exists()
