"""The page of campaigns, replays and audiences: what stands on it, and what must not."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.marketing.reports.users_report import write_users_report
from tests.marketing.folders import (
    HASH,
    measured,
    seed_holdout,
    uplift,
    write_audience,
    write_campaign,
    write_measured,
    write_replay,
    write_uplift,
)
from tests.reports.test_report import Tags


@pytest.fixture(scope="module")
def campaign(tmp_path_factory) -> Path:
    folder = write_campaign(tmp_path_factory.mktemp("campaigns") / "spring" / "4")
    write_uplift(folder)
    return folder


def rendered(folder: Path, **folders: object) -> str:
    """The page without its pictures."""
    path = write_users_report([], folder / "page.html", "Users", **folders)
    return re.sub(r"base64,[^\"]*", "", path.read_text(encoding="utf-8"))


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


@pytest.fixture(scope="module")
def page(campaign, tmp_path_factory) -> str:
    return rendered(tmp_path_factory.mktemp("page"), campaigns=[campaign])


def test_a_campaign_is_where_what_goes(page) -> None:
    found = text_of(page)
    assert "Campaign spring: what goes where" in found and "Version 4" in found
    assert "thanks push everybody 407 10 90 77 230 +12.3 points" in found
    assert "miss-you email everybody 407 10 90 77 230 none" in found
    assert "20.0 % expected of those held out" in found
    assert "to move orders may go to the 231 users held out until 2026-12-14" in found
    assert "12 of them are in the control group" in found
    assert "stock: 3 items are offered" in found
    assert "opted out: 10" in found  # of everything and of the channel
    assert "60 (has another campaign), 30 (addressed too often)" in found
    assert "everybody 407 1,000 7 400 250 70 kept back kept back" in found
    assert "Found were held-out users of the seed, four times as many." in found
    assert found.index("thanks (push)") < found.index("miss-you (email)")


def test_a_few_rows_of_each_file_are_shown(page) -> None:
    found = text_of(page)
    assert "007 i1 | i2" in found and "NA i1 | i2 Chosen for you" in found
    assert "Tea | Milk" in found and "fourth" not in found
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 2 and "<script>" not in page


def test_nobody_can_be_reached_by_what_is_on_the_page(page) -> None:
    assert "ann@example.org" not in page and "kept back i1 | i2" in text_of(page)
    assert HASH not in page and "98101" not in page
    assert "social-reach.csv: 3 rows" in page
    assert "Email: 2 hashes, Zip: 2 in clear" in text_of(page)
    assert "51 (email: not an e-mail address)" in page


def test_uplift_is_told_but_not_of_segments_kept_back(page) -> None:
    found = text_of(page)
    assert "+11.1 points +4.2 to +18.0 +26 users +10 to +41" in found  # times 230
    assert "loyal 230 77 50.0 % 72.2 % -22.2 points" in found
    assert "+1.25 -0.50 to +3.00 +288 -115 to +690" in found
    assert "spring, thanks: more responded. 50.0 %" in found  # among the findings
    assert "of those held out. The difference is +11.1 points" in found
    assert "(+4.2 to +18.0): in all +26 users (+10 to +41)." in found
    assert "no effect on money can be shown. 0.50 per user" in found
    assert "may lie anywhere from -0.50 to +3.00." in found

    assert "+33.3" not in found and "users treated" not in found
    assert "nobody was held out" in found
    assert "the last outcome is of 2026-12-03" in found
    assert "for an estimate: active (thanks)." in found
    assert "Segments that are kept back above are left out here." in found


def test_only_what_chance_does_not_explain_is_coloured(page) -> None:
    rows = dict(
        re.findall(r'<t[hd][^>]*>(thanks|loyal)</t[hd]>.*?<td class="(\w+)">', page, re.S)[:2]
    )
    assert rows == {"thanks": "better", "loyal": "worse"}
    assert '<td class="level">' in page  # the money
    assert page.count('<li class="level">') == 1


def test_money_has_its_currency_and_who_was_sent_others_is_said(tmp_path) -> None:
    folder = write_campaign(tmp_path / "1")
    money = {"overall": uplift(2.5, 1.0, 4.0), "segments": {}, "not_estimated": {}}
    reached = {"users": 1234, "share": 0.25, "by": {"summer": 1234}, "any_version": 1234}
    others = {"held_out": reached, "treated": {**reached, "users": 0}}
    together = measured("", value=money)
    write_measured(
        folder,
        [measured("thanks", value=money, sent_others=others)],
        currency="€",
        before_days=90,
        control=together,
    )
    found = text_of(rendered(tmp_path, campaigns=[folder]))
    assert "+2.50 € +1.00 to +4.00 +575 € +230 to +920" in found
    assert "thanks: more was spent. 0.50 € per user it was sent to" in found
    assert "The difference is +2.50 € (+1.00 to +4.00): in all +575 € (+230 to +920)." in found
    assert "contaminated: 1,234 (25.0%) of the users held out were sent other campaigns" in found
    assert "spring, all campaigns together: more was spent." in found
    assert '"sent" is everybody outside the control group' in found
    assert "adjusted for what users spent in the 90 days before" in found


def test_segments_are_judged_by_what_is_corrected_for_their_number(tmp_path) -> None:
    folder = write_campaign(tmp_path / "1")
    segments = {"loyal": uplift(0.1, 0.01, 0.19, p_value=0.2)}
    found = {"overall": uplift(0.1, 0.01, 0.19), "segments": segments, "not_estimated": {}}
    write_measured(folder, [measured("thanks", responded=found)])
    page = rendered(tmp_path, campaigns=[folder])
    assert re.findall(r'<td class="(\w+)">\s*<span class="value">', page) == ["better", "level"]


def test_the_page_is_well_formed_and_loads_nothing(campaign, tmp_path) -> None:
    folders = {
        "audiences": [write_audience(tmp_path / "audience" / "1", seed_holdout=seed_holdout())],
        "campaigns": [campaign],
        "replays": [write_replay(tmp_path / "replay")],
    }
    notes = ["All of it is <made up>.", "It is a test."]
    path = write_users_report([], tmp_path / "page.html", "Users", notes=notes, **folders)
    page = path.read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    # What becomes of audiences, lifts of the one that is alike, two outcomes; lifts; actions.
    assert len(tags.addresses) == 2 * 6  # on a white page and on a dark one
    assert all(each.startswith("data:image/svg+xml;base64,") for each in tags.addresses)
    assert page.index("All of it is &lt;made up&gt;.") < page.index("It is a test.")
    assert page.index("It is a test.") < page.index("<section>")
    again = write_users_report([], tmp_path / "again.html", "Users", notes=notes, **folders)
    assert again.read_text() == page


def test_a_campaign_without_its_files_and_before_it_is_measured(tmp_path) -> None:
    folder = write_campaign(tmp_path / "1")
    for file in folder.glob("*.csv"):
        file.unlink()
    page = rendered(tmp_path, campaigns=[folder])
    assert "What it changed" not in page
    assert page.count("is not in the folder") == 3
    assert not re.search(r"\bNone\b|\bnan\b", page)


def test_a_damaged_file_is_named(tmp_path) -> None:
    folder = write_campaign(tmp_path / "1")
    (folder / "push-thanks.csv").write_text("")
    with pytest.raises(InputError, match=r"push-thanks.csv is damaged"):
        rendered(tmp_path, campaigns=[folder])
    (folder / "campaign.yaml").unlink()
    with pytest.raises(InputError, match=r"has no campaign\.yaml"):
        rendered(tmp_path, campaigns=[folder])


def test_audiences_keep_back_what_is_kept_back(tmp_path) -> None:
    folders = [
        write_audience(tmp_path / "a" / "2", seed_holdout=seed_holdout(compared=False)),
        write_audience(tmp_path / "b" / "1", segments={"loyal": 400}),
    ]
    found = text_of(rendered(tmp_path, audiences=folders))
    assert "quiet, version 2 407 1,000 7 400 250 70 kept back kept back" in found
    assert "quiet, version 1 407 1,000 7 400 400" in found
    assert "so few that they could be told apart" in found
    assert "so few" not in text_of(rendered(tmp_path, audiences=folders[1:]))


def test_a_replay_is_counted_timed_and_shown(tmp_path) -> None:
    page = rendered(tmp_path, replays=[write_replay(tmp_path / "march")])
    found = text_of(page)
    assert "4,321 events from 2026-03-01 00:00 to 2026-03-01 05:00 (UTC)" in found
    assert "cart 4 5 6 back 8 1,234 0 never 0 0 0" in found
    assert "an answer of the model 1.25 9.75 11.50 12" in found
    assert "u3 cart left: i9 2026-03-01 01:30 lost Tea; &lt;script&gt;" in found
    assert "u4 back 2026-03-01 02:00 lost → active" in found and "u5 " not in found
    assert page.count("Tea;") == 4 and "<script>" not in page


def test_a_replay_of_nothing(tmp_path) -> None:
    page = rendered(tmp_path, replays=[write_replay(tmp_path / "march", actions=0)])
    assert "never" in page and "<img" not in page and "Some of the actions" not in page
    assert "an answer of the model" not in page
    (tmp_path / "march" / "actions.parquet").write_text("no table")
    with pytest.raises(InputError, match=r"actions\.parquet is damaged"):
        rendered(tmp_path, replays=[tmp_path / "march"])


def test_the_highest_predictions_name_no_address(tmp_path) -> None:
    """A log may know its users by what reaches them."""
    people = ["bob@example.org", "+49 30 1234567", "17850"]
    page = rendered(tmp_path, campaigns=[_campaign_for(tmp_path / "1", people)])
    assert "17850" in page and "bob@" not in page and "1234567" not in page


def _campaign_for(folder: Path, users: list[str]) -> Path:
    write_campaign(folder)
    rows = pd.read_csv(folder / "push-thanks.csv").head(3).assign(user=users)
    rows.to_csv(folder / "push-thanks.csv", index=False)
    document = json.loads((folder / "campaign.json").read_text())
    document["campaigns"] = document["campaigns"][2:]
    (folder / "campaign.json").write_text(json.dumps(document))
    return folder
