"""A film cut from recorded segments shows the very frames that were recorded, and nothing else."""

import io
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from tests.media import film
from tests.media.film import FFMPEG
from tests.media.test_media_packager import gather

from shopfloor import media
from shopfloor.media import films, pictures
from shopfloor.media.chunks import VIDEO
from shopfloor.media.models import BadMedia, EndCause
from shopfloor.media.packager import Packager

ANCHOR = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def recorded(made: Path, directory: Path, *, since: float = 0) -> tuple[media.Run, list[media.Segment]]:
    """An FLV file as the media server records it, begun so many seconds after ANCHOR."""
    packager = Packager(None)
    events = [
        event
        for tag in film.tags(made)
        for event in (
            packager.video(tag.timestamp, tag.payload, tag.timestamp)
            if tag.type == VIDEO
            else packager.audio(tag.timestamp, tag.payload, tag.timestamp)
        )
    ]
    [run] = gather([*events, *packager.close(EndCause.FINISHED)])
    run_id, anchor = uuid4(), ANCHOR + timedelta(seconds=since)
    path = directory / f"{run_id}.mp4"
    position = path.write_bytes(run.opened.init)
    segments: list[media.Segment] = []
    with path.open("ab") as file:
        for msn, (closed, parts) in enumerate(run.segments):
            length = sum(file.write(part.data) for part in parts)
            at = anchor + timedelta(seconds=closed.dts / 90_000)
            segment = media.Segment(
                run_id, msn, at, closed.dts, closed.duration, position, length, bytes(32), bytes(32),
                independent=True, audio_end=closed.audio_end,
            )  # fmt: skip
            segments.append(segment)
            position += length
    opened = run.opened
    row = media.Run(
        run_id, 1, 1, anchor, anchor + timedelta(seconds=60), "finished", opened.codecs, opened.width,
        opened.height, 1, bytes(32), len(opened.init), path.name, bytes(32),
    )  # fmt: skip
    return row, segments


def frames(path: Path, kind: str) -> list[str]:
    """What a foreign player decodes: a hash for each picture, or the sound in milliseconds."""
    done = subprocess.run(
        [FFMPEG, "-v", "error", "-xerror", "-i", str(path), "-map", f"0:{kind}", "-fps_mode", "passthrough", "-f", "framemd5", "-"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if not line.startswith("#")]


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film.make(
        tmp_path_factory.mktemp("film") / "a.flv", seconds=4, size="160x96",
        video=("-c:v", "libx264", "-preset", "veryfast", "-bf", "2"),
    )  # fmt: skip


def test_a_clip_has_the_frames_from_the_key_frame_before_to_the_one_after(
    camera: Path, tmp_path: Path
) -> None:
    run, segments = recorded(camera, tmp_path)
    begin = media.in_ms(ANCHOR)
    part = films.within([(run, segments)], begin + 1_400, begin + 2_600)
    [(_, kept)] = part
    assert [each.msn for each in kept] == [1, 2]
    pieces = list(films.pieces_of(tmp_path / run.file, run.init_length, kept))
    clip, again = tmp_path / "clip.mp4", io.BytesIO()
    with clip.open("wb") as out:
        made = films.write(pieces, out)
    films.write(pieces, again)
    assert clip.read_bytes() == again.getvalue(), "the same recording gives the same bytes"
    assert made.size == clip.stat().st_size
    # Where the sound begins and ends its frames do not fit those of the picture: up to one more.
    assert 2_000 <= made.milliseconds <= 2_050
    assert frames(clip, "v") == frames(camera, "v")[30:90]
    assert clip.read_bytes().index(b"moov") < clip.read_bytes().index(b"mdat"), "it plays before it is whole"
    assert len(frames(clip, "a")) in {93, 94, 95}


def test_a_film_goes_on_over_a_hole_and_another_encoder(camera: Path, tmp_path: Path) -> None:
    silent = film.make(tmp_path / "b.flv", seconds=2, size="96x160", audio=None)
    one, two = recorded(camera, tmp_path), recorded(silent, tmp_path, since=30)
    # The third second was not recorded; then comes a camera that is held upright and has no sound.
    one = (one[0], [each for each in one[1] if each.msn != 2])
    pieces = [
        piece
        for run, segments in (one, two)
        for piece in films.pieces_of(tmp_path / run.file, run.init_length, segments)
    ]
    assert [len(piece.segments) for piece in pieces] == [2, 1, 2]
    out = tmp_path / "film.mp4"
    with out.open("wb") as file:
        made = films.write(pieces, file)
    assert 5_000 <= made.milliseconds <= 5_100
    source = frames(camera, "v")
    shown = frames(out, "v")
    assert shown[:90] == [*source[:60], *source[90:120]]
    assert len(shown) == 150


def test_without_ffmpeg_or_from_no_film_no_picture_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "a.mp4"
    broken.write_bytes(b"no film")
    assert not media.take_picture(broken, tmp_path / "a.jpg")
    monkeypatch.setattr(pictures, "program", lambda: None)
    assert not media.take_picture(broken, tmp_path / "a.jpg")
    assert [each.name for each in tmp_path.iterdir()] == ["a.mp4"]


def test_what_is_shorter_than_its_rows_makes_no_film(camera: Path, tmp_path: Path) -> None:
    run, segments = recorded(camera, tmp_path)
    path = tmp_path / run.file
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadMedia):
        films.write(list(films.pieces_of(path, run.init_length, segments)), io.BytesIO())
    with pytest.raises(BadMedia):
        films.write([], io.BytesIO())
    assert films.within([(run, segments)], 0, 1) == []
