"""When a picture was taken: names of real cameras, clocks that lie, hours that come twice or never."""

from __future__ import annotations

import io
import os
import timeit
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import IFD, Base

from cameras.capture_time import (
    CLOCK_TOLERANCE,
    EARLIEST,
    CapturedAt,
    captured_at,
    exif_time,
    steady_offset,
    time_in_name,
)

AFTERNOON = datetime(2025, 12, 31, 14, 30)
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")

FOSCAM = [
    "porch/MDAlarm_20251231-143000.jpg",
    "porch/Schedule_20251231-143000.jpg",
    "porch/snap/MDAlarm_20251231-143000.jpg",
    "porch/snap/HMDAlarm_20251231-143000.jpg",
    "porch/FI9805W_00626E123456/snap/Schedule_20251231-143000.jpg",
    "porch/FI9805W_20251231143000.jpg",
    "porch/FI9805W_20251231143000_12.jpg",
    "porch/00626E123456(Front Door)_1_20251231143000_120.jpg",
    "porch/C1_00626EAABBCC/record/MDalarm_20251231_143000.mkv",
    "porch/record/alarm_20251231_143000.mkv",
    "porch/record/schedule_20251231_143000.avi",
    "porch/Snap_20251231-143000.jpg",
    "porch/IOAlarm_20251231-143000.jpg",
    "porch/SDAlarm_20251231-143000.jpg",
]
REOLINK = [
    "porch/Front Door_01_20251231143000.jpg",
    "porch/Front Door_00_20251231143000.mp4",
    "porch/2025/12/31/Front Door_01_20251231143000.jpg",
    "porch/2025/12/31/Front Door_00_20251231143000.mp4",
    "porch/2025-12-31/Camera1_00_20251231143000.jpg",
    "porch/RLC-410-5MP_01_20251231143000.jpg",
    "porch/RLC-823A_00_20251231143000.mp4",
    "porch/E1 Pro_00_20251231143000.jpg",
    "porch/RecM01_20251231_143000_143027_6D28808_1A468F9.mp4",
    "porch/RecS02_DST20251231_143000_143027_0_55289280000000_3E2D1A.mp4",
    "porch/Mp4Record/2025-12-31/RecM01_20251231_143000_143027_6D28808.mp4",
    "porch/192.168.1.20_00_20251231143000.jpg",
    "porch/Überwachung Hof_02_20251231143000.jpg",
]
HIKVISION = [
    "porch/192.168.1.64_01_20251231143000123_MOTION_DETECTION.jpg",
    "porch/192.168.1.64_01_20251231143000123_TIMING.jpg",
    "porch/192.168.1.64_01_20251231143000000_VEHICLE_DETECTION.jpg",
    "porch/192.168.1.64_01_20251231143000999_LINE_CROSSING_DETECTION.jpg",
    "porch/10.10.10.10_01_20251231143000123_FIELD_DETECTION.jpg",
    "porch/10.10.10.10_01_20251231143000123_FACE_DETECTION_BACKGROUND.jpg",
    "porch/DS-2CD2042WD-I20160707AAWR123456789_01_20251231143000123_TIMING.jpg",
    "porch/Camera 01_01_20251231143000123_MOTION_DETECTION.jpg",
    "porch/01_20251231143000_MOTION_DETECTION.jpg",
    "porch/01_20251231143000123_TIMING.jpg",
    "porch/192.168.1.64/2025/12/31/01_20251231143000123_TIMING.jpg",
    "porch/ch01_20251231143000_20251231143027.mp4",
    "porch/IPCamera_20251231143000_20251231143100_123456789.mp4",
    "porch/hiv00001_20251231T143000Z_20251231T143100Z_1920x1080.jpg",
]
DAHUA = [
    "porch/2025-12-31/001/jpg/14/30/00[M][0@0][0].jpg",
    "porch/2025-12-31/001/jpg/14/30/00[R][0@0][0].jpg",
    "porch/2025-12-31/001/dav/14/14.30.00-14.30.27[M][0@0][0].dav",
    "porch/2025-12-31/001/dav/14/14.30.00-14.30.27[M][0@0][0].mp4",
    "porch/AMC002A3_ABCDEF/2025-12-31/001/jpg/14/30/00[M][0@0][0].jpg",
    "porch/IPC-HDW2431T/2025-12-31/pic_001/14/30/00[M][0@0][0].jpg",
    "porch/2025-12-31/001/jpg/14.30.00[M][0@0][0].jpg",
    "porch/2025-12-31/002/dav/14/14.30.00-14.31.00[R][0@0][0].dav",
    "porch/2025-12-31/14.30.00-14.30.27[M][0@0][0].mp4",
    "porch/AMC0123_20251231143000.jpg",
    "porch/IPC_ch1_main_20251231143000_20251231143027.dav",
    "porch/4A05D3CPAZ12345/2025-12-31/001/jpg/14/30/00[M][0@0][0].jpg",
    "2025-12-31/001/jpg/14/30/00[M][0@0][0].jpg",
    "2025-12-31/001/dav/14/14.30.00-14.30.27[M][0@0][0].dav",
]
GENERIC = [
    "porch/2025-12-31_14-30-00.jpg",
    "porch/2025-12-31T14:30:00.jpg",
    "porch/2025-12-31 14.30.00.jpg",
    "porch/2025-12-31, 14.30.00.jpg",
    "porch/20251231_143000.jpg",
    "porch/20251231T143000.jpg",
    "porch/FrontDoor.20251231_143000123.jpg",
    "porch/2025_12_31_14_30_00.jpg",
    "porch/DCS-930L2025123114300001.jpg",
    "porch/20251231/143000.jpg",
    "porch/20251231/14-30-00.jpg",
    "porch/2025/12/31/143000_motion.jpg",
    "porch/2025/12/31/143000-143027.mp4",
    "porch/2025-12-31/cam1_14-30-00.jpg",
    "porch/20251231/01_14_30_00.jpg",
    "porch/1920x1080/20251231143000_1920x1080.jpg",
    "20251231_143000",
]
NOT_A_TIME = [
    "",
    "/",
    "porch/.jpg",
    "porch/image.jpg",
    "porch/1920x1080.jpg",
    "porch/192.168.1.64.jpg",
    "porch/2025-12-31.jpg",
    "porch/2025-12-31/",
    "porch/20251231.jpg",
    "porch/2025-12-31/1920x1080.jpg",
    "porch/2025-12-31/10.10.10.10_snapshot.jpg",
    "porch/2025-12-31/IMG_000123.jpg",
    "porch/2025-12-31/image-0001.jpg",
    "porch/2025-12-31/31/99/00.jpg",
    "porch/14/30/00.jpg",
    "porch/143000.jpg",
    "porch/14-30-00.jpg",
    "porch/20250229143000.jpg",
    "porch/20251331143000.jpg",
    "porch/20251231243000.jpg",
    "porch/20251231-146000.jpg",
    "porch/2025-12-32_14-30-00.jpg",
    "porch/20251231-00012345.jpg",
    "porch/120251231143000.jpg",
    "porch/202512311430001234.jpg",
    "porch/DS-2CD2042WD-I20160707AAWR123456789.jpg",
    "porch/00626E123456.jpg",
    "porch/SN_1512345678.jpg",
    "porch/5551234567.jpg",
    "porch/17671878001.jpg",
    "porch/٢٠٢٥١٢٣١١٤٣٠٠٠.jpg",
    "porch/B25123114300002.jpg",
    "porch/A25123114300002_x.jpg",
    "porch/A25133114300002.jpg",
    "porch/A2512311430000212.jpg",
    "porch/25123114300002.jpg",
    "porch/image_251231_143000.jpg",
    "porch/25-12-31_14-30-00.jpg",
    "porch/25-12-31_14-30-00-390.jpg",
    "porch/31-12-2025_14-30-00-39.jpg",
    "porch/2025-12-31_001_143000[R].jpg",
    "porch/2025-12-31_1_14.30.00[R].jpg",
    "porch/2025-12-31/001/jpg/14/30.00.jpg",
    "porch/2025-12-31/001/jpg/14/30.60[M][0@0][0].jpg",
    "porch/2025-12-31/001/14/10.10.10.10[M].jpg",
    "porch/2025Y12M31D14H/E1230M00S60.mp4",
    "porch/2025Y12M31D/14/30M00S60.mp4",
    "porch/x2025Y12M31D14H/30M00S60.mp4",
    "porch/2025Y12M31D14H/30M00S60/clip.mp4",
    "porch/30M00S_17671914000.mp4",
    "porch/cam202512311430.jpg",
    "porch/webcam_202512311430x.jpg",
    "porch/webcam_202512312430.jpg",
]


@pytest.mark.parametrize("name", FOSCAM + REOLINK + HIKVISION[:-1] + DAHUA + GENERIC)
def test_it_reads_the_names_that_cameras_write(name: str) -> None:
    assert time_in_name(name) == AFTERNOON


@pytest.mark.parametrize("name", NOT_A_TIME)
def test_it_reads_no_time_where_none_is_told(name: str) -> None:
    assert time_in_name(name) is None


@pytest.mark.parametrize(
    "name",
    [
        HIKVISION[-1],
        "porch/2025-12-31T14:30:00Z.jpg",
        "porch/2025-12-31T14:30:00.250Z.jpg",
        "porch/1767191400.jpg",
        "porch/1767191400250.jpg",
        "porch/front_door-1767191400.123456-k3j2ab.jpg",
        "porch/2025123115/30M00S_1767191400.mp4",
        "porch/PXL_20251231_143000385.jpg",
    ],
)
def test_a_name_that_speaks_utc_is_read_as_utc(name: str) -> None:
    assert time_in_name(name) == AFTERNOON.replace(tzinfo=UTC)


def test_the_name_outweighs_its_folders() -> None:
    assert time_in_name("porch/2025/12/30/cam_20251231143000.jpg") == AFTERNOON


def test_the_innermost_date_folder_counts() -> None:
    assert time_in_name("porch/2024-01-01/2025-12-31/143000.jpg") == AFTERNOON


PIECES = {
    "digit": "2",
    "date": "20251231",
    "date folder": "2025-12-31/",
    "hour folder": "14/",
    "address": "1.",
    "stamps": "20251231143000_" * 9 + "x",
    "dashes": "2025-12-31_",
    "channels": "2025-12-31_001_",
    "short years": "25-12-31_14-30-00-",
    "alarms": "A251231_143000_143027",
    "Yi folders": "2025Y12M31D14H/",
    "minutes": "_202512311430",
    "brackets": "/14/30.00[",
    "seconds": "30M00S_",
    "Unix times": "-1767191400.123456",
    "gaps": "20251231, . ",
    "surrogates": "\udcff2025",
}


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
def test_long_names_cost_little(piece: str) -> None:
    for start in ("", "A", "/", "x"):
        name = start + (piece * 4096)[:4096]
        assert min(timeit.repeat(lambda name=name: time_in_name(name), number=1, repeat=3)) < 0.05  # type: ignore[misc]


def test_a_usual_name_takes_less_than_50_microseconds() -> None:
    names = FOSCAM + REOLINK + HIKVISION + DAHUA + GENERIC + NOT_A_TIME
    best = min(timeit.repeat(lambda: [time_in_name(name) for name in names], number=1, repeat=5))
    assert best / len(names) < 50e-6


name_pieces = st.sampled_from(
    ["20251231", "143000", "2025", "12", "31", "/", "-", "_", ".", ":", "T", "Z", "[M]", "99", "\udcff", "٣", "\n"]
)
rarer_pieces = st.sampled_from(
    ["A251231", "Y", "M", "D", "H", "S", "E1", "_001_", "25-12-31", "1767191400", "PXL_", "00", ".jpg"]
)
any_name = st.one_of(
    st.text(),
    st.binary().map(os.fsdecode),
    st.text("0123456789/-_.:"),
    st.lists(name_pieces | rarer_pieces, max_size=30).map("".join),
)


@given(any_name)
def test_reading_a_name_never_raises_and_tells_no_impossible_time(name: str) -> None:
    told = time_in_name(name)
    assert told is None or told.year == 1970 or 2000 <= told.year <= 2099


@given(any_name)
def test_digits_of_other_scripts_tell_nothing(name: str) -> None:
    assert time_in_name(name.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))) is None


@given(st.text().filter(lambda name: sum(character in "0123456789" for character in name) < 10))
def test_nine_digits_are_no_date_and_time(name: str) -> None:
    assert time_in_name(name) is None


@pytest.mark.parametrize(
    "form",
    [
        "porch/MDAlarm_%Y%m%d-%H%M%S.jpg",
        "porch/FI9805W_%Y%m%d%H%M%S.jpg",
        "porch/%Y/%m/%d/Front Door_01_%Y%m%d%H%M%S.jpg",
        "porch/192.168.1.64_01_%Y%m%d%H%M%S123_TIMING.jpg",
        "porch/%Y-%m-%d/001/jpg/%H/%M/%S[M][0@0][0].jpg",
        "porch/%Y-%m-%d/001/dav/%H/%H.%M.%S-%H.%M.59[M][0@0][0].dav",
        "porch/AMC0123_%Y%m%d%H%M%S.jpg",
        "porch/%Y-%m-%d_%H-%M-%S.jpg",
        "porch/%Y-%m-%dT%H:%M:%S.jpg",
        "porch/%Y%m%d_%H%M%S.jpg",
        "porch/%Y/%m/%d/%H%M%S.jpg",
        "porch/%Y%m%d/%H-%M-%S.jpg",
        "porch/%Y-%m-%d/001/jpg/%H/%M.%S[R][0@0][0].jpg",
        "porch/Snapshot/%Y-%m-%d_001_%H.%M.%S-%H.%M.59[R][0@0][0].jpg",
        "porch/NVR_ch1_main_%Y%m%d%H%M%S_20991231235959.dav",
        "porch/Mp4Record/%Y-%m-%d/RecM01_DST%Y%m%d_%H%M%S_235959_6D28808_2240A8.mp4",
        "porch/%YY%mM%dD%HH/E1%MM%SS60.mp4",
        "porch/%YY%mM%dD%HH/%MM%SS38.mp4",
        "porch/SNAP_CH01_%Y_%m_%d_%H_%M_%S_23978.jpg",
    ],
)
@given(moment=st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59, 59)))
def test_every_time_in_every_form_is_read_back(form: str, moment: datetime) -> None:
    assert time_in_name(moment.strftime(form)) == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    "form",
    [
        "porch/A%y%m%d%H%M%S02.jpg",
        "porch/%Y%m%d/record000/P%y%m%d_%H%M%S_235959.avi",
        "porch/image%y-%m-%d_%H-%M-%S-39.jpg",
    ],
)
@given(moment=st.datetimes(datetime(2010, 1, 1), datetime(2049, 12, 31, 23, 59, 59)))
def test_every_time_with_two_digits_for_the_year_is_read_back(form: str, moment: datetime) -> None:
    assert time_in_name(moment.strftime(form)) == moment.replace(microsecond=0)


@given(moment=st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59, 59)))
def test_every_minute_is_read_back(moment: datetime) -> None:
    assert time_in_name(f"porch/webcam_{moment:%Y%m%d%H%M}.jpg") == moment.replace(second=0, microsecond=0)


@given(moment=st.datetimes(datetime(2012, 1, 1), datetime(2033, 5, 18), timezones=st.just(UTC)))
def test_every_unix_time_is_read_back(moment: datetime) -> None:
    at = moment.replace(microsecond=0)
    for name in (f"{at.timestamp():.0f}.jpg", f"{at:%Y%m%d%H}/{at:%MM%SS}_{at.timestamp():.0f}.mp4"):
        assert time_in_name(f"porch/{name}") == at


def judged(
    name: str = "porch/image.jpg",
    *,
    exif: datetime | None = None,
    mtime: datetime | None = None,
    arrived_at: datetime = datetime(2025, 12, 31, 13, 30, 5, tzinfo=UTC),
    duration_s: float | None = None,
    zone: ZoneInfo = BERLIN,
    clock_offset_s: int | None = None,
) -> CapturedAt:
    return captured_at(
        name,
        exif=exif,
        mtime=mtime or arrived_at,
        arrived_at=arrived_at,
        duration_s=duration_s,
        zone=zone,
        clock_offset_s=clock_offset_s,
    )


def utc(hour: int, minute: int = 0, second: int = 0, *, day: int = 31, month: int = 12) -> datetime:
    return datetime(2025, month, day, hour, minute, second, tzinfo=UTC)


class TestWitnesses:
    def test_the_name_comes_first(self) -> None:
        found = judged("porch/20251231_143000.jpg", exif=datetime(2025, 12, 31, 14, 29))
        assert found == CapturedAt(utc(13, 30), "name", 5)

    def test_then_exif(self) -> None:
        found = judged(exif=datetime(2025, 12, 31, 14, 29))
        assert found == CapturedAt(utc(13, 29), "exif", None)

    def test_exif_with_an_offset_needs_no_zone(self) -> None:
        exif = datetime(2025, 12, 31, 8, 29, tzinfo=timezone(timedelta(hours=-5)))
        assert judged(exif=exif).at == utc(13, 29)

    def test_then_mtime(self) -> None:
        assert judged(mtime=utc(13, 28)) == CapturedAt(utc(13, 28), "mtime", None)

    def test_a_videos_mtime_is_its_end(self) -> None:
        assert judged("porch/clip.mp4", mtime=utc(13, 30), duration_s=27).at == utc(13, 29, 33)

    def test_a_videos_name_tells_its_start(self) -> None:
        found = judged("porch/20251231_142933.mp4", mtime=utc(13, 30), duration_s=27)
        assert found == CapturedAt(utc(13, 29, 33), "name", 5)

    @pytest.mark.parametrize("mtime", [datetime(1970, 1, 1, tzinfo=UTC), utc(20)])
    def test_then_the_arrival(self, mtime: datetime) -> None:
        assert judged(mtime=mtime) == CapturedAt(utc(13, 30, 5), "arrival", None)

    def test_a_time_two_minutes_ahead_is_believed(self) -> None:
        assert judged("porch/20251231_143205.jpg").source == "name"

    def test_a_time_further_ahead_is_not_but_its_difference_is_kept(self) -> None:
        found = judged("porch/20251231_153105.jpg", mtime=utc(13, 30))
        assert found == CapturedAt(utc(13, 30), "mtime", -3660)

    @pytest.mark.parametrize("name", ["19700101_000010.jpg", "20000101_000010.jpg", "20091231_120000.jpg"])
    def test_a_time_before_2010_is_a_clock_that_lost_it(self, name: str) -> None:
        assert judged(f"porch/{name}", mtime=utc(13, 30)).source == "mtime"

    def test_a_difference_too_large_for_a_clock_is_left_out(self) -> None:
        assert judged("porch/20990101_000000.jpg").difference_s is None

    def test_the_answer_is_in_utc(self) -> None:
        found = judged(mtime=datetime(2025, 12, 31, 14, 0, tzinfo=BERLIN))
        assert (found.at.tzinfo, found.at) == (UTC, utc(13))


class TestAcceptedClockOffset:
    def test_it_corrects_the_name(self) -> None:
        found = judged("porch/20251231_132900.jpg", clock_offset_s=3660)
        assert (found.at, found.source) == (utc(13, 30), "name")

    def test_it_corrects_exif(self) -> None:
        assert judged(exif=datetime(2025, 12, 31, 13, 29), clock_offset_s=3660).at == utc(13, 30)

    def test_it_saves_a_clock_that_is_ahead(self) -> None:
        found = judged("porch/20251231_153105.jpg", clock_offset_s=-3660)
        assert (found.at, found.source) == (utc(13, 30, 5), "name")

    def test_it_saves_a_clock_that_starts_in_1970(self) -> None:
        offset_s = round((utc(13, 30) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
        assert judged("porch/19700101_010000.jpg", clock_offset_s=offset_s).at == utc(13, 30)

    def test_it_leaves_mtime_alone(self) -> None:
        assert judged(mtime=utc(13, 28), clock_offset_s=3660).at == utc(13, 28)

    def test_the_difference_stays_that_of_the_cameras_own_clock(self) -> None:
        assert judged("porch/20251231_132900.jpg", clock_offset_s=3660).difference_s == 3665


class TestSummerTime:
    """Berlin: 2025-10-26 03:00 CEST → 02:00 CET, 2025-03-30 02:00 → 03:00. New York: 2025-11-02 and 2025-03-09."""

    @pytest.mark.parametrize(
        ("mtime", "expected"),
        [
            (utc(0, 31, day=26, month=10), utc(0, 30, day=26, month=10)),
            (utc(1, 31, day=26, month=10), utc(1, 30, day=26, month=10)),
        ],
        ids=["first", "second"],
    )
    def test_berlins_doubled_hour_is_the_one_near_mtime(self, mtime: datetime, expected: datetime) -> None:
        found = judged("porch/20251026_023000.jpg", mtime=mtime, arrived_at=utc(2, day=26, month=10))
        assert found.at == expected

    @pytest.mark.parametrize(
        ("mtime", "expected"),
        [
            (utc(5, 31, day=2, month=11), utc(5, 30, day=2, month=11)),
            (utc(6, 31, day=2, month=11), utc(6, 30, day=2, month=11)),
        ],
        ids=["first", "second"],
    )
    def test_new_yorks_doubled_hour_is_the_one_near_mtime(self, mtime: datetime, expected: datetime) -> None:
        found = judged("porch/20251102_013000.jpg", mtime=mtime, arrived_at=utc(7, day=2, month=11), zone=NEW_YORK)
        assert found.at == expected

    @pytest.mark.parametrize(
        ("name", "zone", "mtime", "expected"),
        [
            ("20250330_023000.jpg", BERLIN, utc(1, 31, day=30, month=3), utc(1, 30, day=30, month=3)),
            ("20250330_023000.jpg", BERLIN, utc(0, 31, day=30, month=3), utc(0, 30, day=30, month=3)),
            ("20250309_023000.jpg", NEW_YORK, utc(7, 31, day=9, month=3), utc(7, 30, day=9, month=3)),
        ],
    )
    def test_an_hour_that_never_was_is_a_clock_not_yet_set(
        self, name: str, zone: ZoneInfo, mtime: datetime, expected: datetime
    ) -> None:
        found = judged(f"porch/{name}", mtime=mtime, arrived_at=mtime + timedelta(seconds=5), zone=zone)
        assert (found.at, found.source) == (expected, "name")

    def test_doubled_hour_of_a_video_is_judged_by_its_start(self) -> None:
        mtime = utc(1, 5, day=26, month=10)
        found = judged("porch/20251026_025500.mp4", mtime=mtime, arrived_at=mtime, duration_s=600)
        assert found.at == utc(0, 55, day=26, month=10)

    def test_doubled_hour_of_a_corrected_clock(self) -> None:
        mtime = utc(1, 31, day=26, month=10)
        found = judged("porch/20251026_012900.jpg", mtime=mtime, arrived_at=mtime, clock_offset_s=3660)
        assert found.at == utc(0, 30, day=26, month=10)


moments = st.datetimes(datetime(2010, 1, 2), datetime(2060, 1, 1), timezones=st.just(UTC))


@given(
    name=st.one_of(
        st.text(max_size=40),
        st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31)).map("porch/{:%Y%m%d_%H%M%S}".format),
    ),
    exif=st.none() | st.datetimes() | st.datetimes(timezones=st.timezones()),
    mtime=st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    arrived_at=moments,
    duration_s=st.none() | st.floats(0, 1e6),
    zone=st.sampled_from([BERLIN, NEW_YORK, ZoneInfo("Pacific/Apia"), ZoneInfo("UTC")]),
    clock_offset_s=st.none() | st.integers(-(2**31), 2**31 - 1),
)
def test_no_answer_lies_in_the_future_or_before_2010(
    name: str,
    exif: datetime | None,
    mtime: datetime,
    arrived_at: datetime,
    duration_s: float | None,
    zone: ZoneInfo,
    clock_offset_s: int | None,
) -> None:
    found = judged(
        name,
        exif=exif,
        mtime=mtime,
        arrived_at=arrived_at,
        duration_s=duration_s,
        zone=zone,
        clock_offset_s=clock_offset_s,
    )
    assert EARLIEST <= found.at <= arrived_at + CLOCK_TOLERANCE
    assert found.difference_s is None or abs(found.difference_s) < 2**31


class TestSteadyOffset:
    @pytest.mark.parametrize(
        ("differences", "minutes"),
        [
            ([3661, 3663, 3660, 3662, 3659], 61),
            ([3660, 3660, 3660, 3660, 3660], 61),
            ([-3655, -3540, -3600, -3580, -3620], -60),
            ([3600, 3660, 3610, 3655, 3605, 5, 4, 6], 60),
            ([122, 121, 123, 122, 124], 2),
        ],
    )
    def test_a_wrong_clock_differs_by_the_same_each_time(self, differences: list[int], minutes: int) -> None:
        assert steady_offset(differences) == timedelta(minutes=minutes)

    @pytest.mark.parametrize(
        "differences",
        [
            [],
            [3660] * 4,
            [3, 5, 4, 2, 6],
            [120, 118, 119, 120, 117],
            [-120, -118, -119, -120, -117],
            [3660, 3661, 3662, 3661, 3800],
        ],
        ids=["none", "four", "true", "two minutes behind", "two minutes ahead", "unsteady"],
    )
    def test_a_clock_that_keeps_time(self, differences: list[int]) -> None:
        assert steady_offset(differences) is None

    @pytest.mark.parametrize("differences", [[3560, 3570, 3580, 3590, 3600], [3600, 3590, 3580, 3570, 3560]])
    def test_a_backlog_after_an_outage_is_no_wrong_clock(self, differences: list[int]) -> None:
        assert steady_offset(differences) is None

    @given(st.lists(st.integers(-(2**31), 2**31 - 1)))
    def test_it_never_raises(self, differences: list[int]) -> None:
        steady_offset(differences)


def picture_with(exif: Image.Exif | bytes) -> Image.Image:
    stored = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stored, "JPEG", exif=exif)
    return Image.open(stored)


def taken(text: object, offset: object = None) -> Image.Exif:
    exif = Image.Exif()
    details = exif.get_ifd(IFD.Exif)
    details[Base.DateTimeOriginal] = text
    if offset is not None:
        details[Base.OffsetTimeOriginal] = offset
    return exif


class TestExif:
    def test_a_picture_without_it(self) -> None:
        assert exif_time(Image.new("RGB", (8, 8))) is None

    def test_without_a_zone_it_is_a_wall_clock(self) -> None:
        assert exif_time(picture_with(taken("2025:12:31 14:30:00"))) == AFTERNOON

    def test_with_a_zone_it_is_an_instant(self) -> None:
        found = exif_time(picture_with(taken("2025:12:31 14:30:00", "-05:00")))
        assert found == AFTERNOON.replace(tzinfo=timezone(timedelta(hours=-5)))

    @pytest.mark.parametrize("offset", ["", "Z", "+1", "+25:61", "nonsense"])
    def test_a_zone_that_is_none_is_left_out(self, offset: str) -> None:
        found = exif_time(picture_with(taken("2025:12:31 14:30:00", offset)))
        assert found is None or found == AFTERNOON

    @pytest.mark.parametrize("text", ["", "0000:00:00 00:00:00", "    :  :     :  :  ", "2025:13:31 14:30:00", "soon"])
    def test_a_time_that_is_none(self, text: str) -> None:
        assert exif_time(picture_with(taken(text))) is None

    @pytest.mark.filterwarnings("ignore::UserWarning")
    @given(st.binary(max_size=300), st.booleans())
    def test_garbage_never_raises(self, garbage: bytes, with_header: bool) -> None:
        whole = taken("2025:12:31 14:30:00", "+01:00").tobytes()
        exif_time(picture_with(b"Exif\0\0" + b"II*\0\x08\0\0\0" + garbage if with_header else garbage))
        exif_time(picture_with(whole[: len(garbage) % len(whole)] + garbage))
