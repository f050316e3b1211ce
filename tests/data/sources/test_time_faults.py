import datetime as dt

import ibis
import pyarrow as pa
import pytest

from recsys.data.sources.time_faults import explain_times
from recsys.data.sources.times import TimeConfig

SECONDS = 1_388_534_400  # 2014-01-01


def column(values):
    return ibis.memtable(pa.table({"t": values})).t


@pytest.mark.parametrize(
    ("values", "settings", "told"),
    [
        (range(16_071, 16_171), {}, ["numbers such as 16071", "`time_unit: days`"]),
        (range(41_640, 41_740), {}, ["41640", "days of a spreadsheet"]),
        ([0, *range(SECONDS, SECONDS + 9)], {}, ["10 % of the values are 0 or less, such as 0"]),
        (["-1", str(SECONDS)], {}, ["50 % of the values are 0 or less, such as -1"]),
        (range(0, 10**6, 10**4), {}, ["time before 1990", "`earliest_time: 1970-01-01`"]),
        ([SECONDS * 1000] * 3 + [SECONDS] * 2, {}, ["60 % look like milliseconds", "40 %"]),
        ([SECONDS * 1000], {"time_unit": "seconds"}, ["`time_unit: milliseconds`"]),
        ([2014, 2015], {}, ['`time_format: "%Y"`']),
        ([20140102, 20140131], {}, ['`time_format: "%Y%m%d"`']),
        ([20140402131746], {}, ['`time_format: "%Y%m%d%H%M%S"`']),
        (
            ["04/02/2014 01:17:46 PM"],
            {},
            ["'04/02/2014 01:17:46 PM'", '"%m/%d/%Y %I:%M:%S %p"` or `time_format: "%d/%m/'],
        ),
        (["04/22/2014 01:17 PM", None], {}, ['set `time_format: "%m/%d/%Y %I:%M %p"`']),
        (["20-01-05", "20-12-31"], {}, ['set `time_format: "%y-%m-%d"`']),
        (["4/2/14", "12/31/14"], {"time_format": "%m/%d/%Y"}, ['set `time_format: "%m/%d/%y"`']),
        ([dt.datetime(20, 1, 5)], {}, ["0020-01-05", "years with four digits"]),
        ([dt.datetime(1970, 1, 17)], {}, ["time before 1990", "with a wrong unit"]),
        (["2014-01-01"] * 49 + ["2100-01-01"], {}, ["2100-01-01 (2 %): time in the future"]),
        (["soon", "2014-01-01", " ", None], {}, ["'soon' (50 %) are not in ISO 8601"]),
        (["", " "], {}, ["every value is empty"]),
    ],
)
def test_the_likely_cause_is_named(values, settings, told):
    said = explain_times(column(list(values)), TimeConfig.model_validate(settings))
    assert said is not None and all(each in said for each in told), said


@pytest.mark.parametrize(
    "values", [[SECONDS, SECONDS + 1], ["2014-01-01", None], [dt.datetime(2014, 1, 1)]]
)
def test_times_need_no_explanation(values):
    assert explain_times(column(values)) is None
