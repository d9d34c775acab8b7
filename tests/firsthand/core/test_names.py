import pytest

from firsthand.core import names


def test_a_name_is_split_into_its_words_and_joined_again() -> None:
    dataset, model = names.parse_dataset("acme/web-crawl.2"), names.parse_model("acme/writer@1.0_b")
    assert (dataset.organization, dataset.name) == ("acme", "web-crawl.2")
    assert (model.organization, model.name, model.version) == ("acme", "writer", "1.0_b")
    assert (str(dataset), str(model)) == ("acme/web-crawl.2", "acme/writer@1.0_b")


@pytest.mark.parametrize(
    "text",
    ["", "acme", "acme/", "/web", "Acme/web", "acme/web/more", "acme/-web", "acme/web.", "acme/we b", "acme/web\n",
     "acme/" + "a" * 101, "acme/wéb", "acme/web@1", "../etc"],
)  # fmt: skip
def test_what_is_no_dataset_is_refused_with_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match="organization/name, in lower case"):
        names.parse_dataset(text)


@pytest.mark.parametrize("text", ["acme/writer", "acme/writer@", "acme/writer@1@2", "writer@1", "acme/writer@1\n"])
def test_what_is_no_model_is_refused_with_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match="organization/name@version, in lower case"):
        names.parse_model(text)


def test_a_word_may_have_a_hundred_characters() -> None:
    assert names.parse_dataset(f"{'a' * 100}/{'b' * 100}").name == "b" * 100
