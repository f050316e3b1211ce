import gc
import logging
import shutil
import weakref

import pytest

from recsys.errors import InputError
from recsys.serving.errors import RequestError
from recsys.serving.metrics import Metrics
from recsys.serving.source import VersionFolder
from recsys.serving.versions import Versions
from tests.damage import flip

pytestmark = pytest.mark.slow


def served(folder, **labels):
    return Versions(VersionFolder(folder), labels, Metrics())


def looked_twice(versions):
    """A folder is read when two looks find it the same."""
    return [versions.refresh(), versions.refresh()]


def ask(version):
    return version.recommender.call("embed_items", {"item_id": ["fig"]})["embedding"]


def counted(versions, name, **labels):
    return versions._metrics.registry.get_sample_value(name, labels)


def test_a_new_version_is_published_and_the_old_one_answers_who_has_it(folder, caplog):
    caplog.set_level(logging.INFO, "recsys.serving")
    versions = served(folder)
    old = versions.get()
    assert looked_twice(versions) == [False, False]
    shutil.copytree(folder / "1", folder / "2")
    assert looked_twice(versions) == [False, True]
    assert versions.newest.number == "2" and versions.get("2") is versions.newest
    assert (ask(old) == ask(versions.newest)).all()
    with pytest.raises(RequestError, match="2 is"):
        versions.get("1")
    assert counted(versions, "recsys_model_version") == 2
    assert counted(versions, "recsys_reloads_total", outcome="published") == 2
    assert "published newest=2 before=1 served=2" in caplog.text
    assert "verified version=2 files=6" in caplog.text
    gone = weakref.ref(old.recommender._model)
    del old
    gc.collect()
    assert gone() is None


def test_the_order_is_that_of_numbers(folder):
    for number in ("9", "10"):
        shutil.copytree(folder / "1", folder / number)
    (folder / "draft").mkdir()
    assert served(folder).newest.number == "10"


def test_a_damaged_version_is_refused_once_and_the_old_one_stays(folder, caplog):
    versions = served(folder)
    shutil.copytree(folder / "1", folder / "2")
    flip(folder / "2" / "variables" / "variables.data-00000-of-00001")
    with caplog.at_level(logging.INFO, "recsys.serving"):
        assert looked_twice(versions) + looked_twice(versions) == [False] * 4
    (said,) = [each for each in caplog.messages if "version_refused" in each]
    assert "version=2" in said and "variables.data-00000-of-00001 is damaged" in said
    assert versions.newest.number == "1" and ask(versions.newest).any()
    assert counted(versions, "recsys_refused_versions") == 1
    shutil.rmtree(folder / "2")
    shutil.copytree(folder / "1", folder / "2")
    assert looked_twice(versions)[-1] and versions.newest.number == "2"
    assert counted(versions, "recsys_refused_versions") == 0


def test_a_version_that_is_half_copied_is_waited_for(folder, caplog):
    versions = served(folder)
    shutil.copytree(folder / "1", folder / "2", ignore=shutil.ignore_patterns("manifest.json"))
    assert versions.refresh() is False
    shutil.copy(folder / "1/assets.extra/manifest.json", folder / "2/assets.extra/manifest.json")
    assert looked_twice(versions) == [False, True]
    assert "refused" not in caplog.text and versions.newest.number == "2"


def test_a_version_that_cannot_answer_is_not_published(folder, monkeypatch):
    versions = served(folder)
    shutil.copytree(folder / "1", folder / "2")

    def fail(*_):
        raise RuntimeError("no")

    with monkeypatch.context() as patch:
        patch.setattr("recsys.export.recommend.Recommender.call", fail)
        assert looked_twice(versions) == [False, False]
    assert versions.newest.number == "1"


def test_a_version_that_is_taken_away_gives_way_to_the_one_before(folder):
    shutil.copytree(folder / "1", folder / "2")
    versions = served(folder)
    shutil.rmtree(folder / "2")
    assert looked_twice(versions)[-1] and versions.newest.number == "1"
    shutil.rmtree(folder)
    assert looked_twice(versions) == [False, False]
    assert versions.newest.number == "1"


def test_a_version_that_is_written_anew_is_loaded_anew(folder):
    versions = served(folder)
    old = versions.newest
    shutil.copytree(folder / "1", folder / "draft")
    shutil.rmtree(folder / "1")
    (folder / "draft").rename(folder / "1")
    (folder / "1" / "saved_model.pb").touch()
    assert looked_twice(versions) == [False, True]
    assert versions.newest is not old and versions.newest.number == "1"


def test_labels_keep_their_versions(folder):
    for number in ("2", "3"):
        shutil.copytree(folder / "1", folder / number)
    versions = served(folder, stable="1", canary="3")
    assert [each.number for each in versions.all] == ["1", "3"]
    assert versions.get(label="stable").number == "1" == versions.get("1").number
    assert versions.get(label="canary") is versions.newest
    with pytest.raises(RequestError, match="label"):
        versions.get(label="other")
    shutil.copytree(folder / "1", folder / "4")
    assert looked_twice(versions) == [False, True]
    assert [each.number for each in versions.all] == ["1", "3", "4"]
    assert versions.newest.number == "4" and versions.get(label="canary").number == "3"


def test_nothing_that_can_be_served_is_one_message(folder):
    with pytest.raises(InputError, match=r"--label canary=7: there is no version 7 \(there are: 1"):
        served(folder, canary="7")
    flip(folder / "1" / "saved_model.pb")
    with pytest.raises(InputError, match=r"saved_model\.pb is damaged"):
        served(folder)


def test_at_the_start_a_damaged_newest_version_gives_way(folder, caplog):
    shutil.copytree(folder / "1", folder / "2")
    flip(folder / "2" / "saved_model.pb")
    assert served(folder).newest.number == "1"
    assert "version_refused version=2" in caplog.text


def test_a_source_that_fails_is_said_once_and_all_stays(folder, caplog):
    versions = served(folder)

    class Silent:
        name = None

        def versions(self):
            raise InputError("the MLflow server does not answer")

    versions._source = Silent()
    assert looked_twice(versions) == [False, False]
    assert caplog.text.count("does not answer") == 1 and versions.newest.number == "1"


def test_it_watches(folder):
    versions = served(folder)
    versions.watch(0.05)
    try:
        shutil.copytree(folder / "1", folder / "2")
        for _ in range(600):
            if versions.newest.number == "2":
                break
            versions._stop.wait(0.05)
        assert versions.newest.number == "2"
    finally:
        versions.close()
    assert not versions._watcher.is_alive()
