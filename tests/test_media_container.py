import random
from pathlib import Path

import av
import pytest

from media_helpers import write_numbered, write_silence
from splitmask.errors import MediaError
from splitmask.media import open_clip


def write_sound(path: Path, codec: str) -> Path:
    with av.open(path, "w") as output:
        write_silence(output, output.add_stream(codec, rate=8000), seconds=1)
    return path


@pytest.mark.parametrize(
    ("name", "codec"), [("a.m4a", "aac"), ("a.mp3", "libmp3lame"), ("a.wav", "pcm_s16le")]
)
def test_sound_alone_is_no_video(tmp_path: Path, name: str, codec: str) -> None:
    with pytest.raises(MediaError, match=rf"{name} holds sound but no pictures; give a video"):
        open_clip(write_sound(tmp_path / name, codec))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt", b"hello\n" * 50),  # FFmpeg would draw it as a terminal
        ("random.mp4", random.Random(0).randbytes(5000)),
        ("playlist.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n"),
        ("concat.mp4", b"ffconcat version 1.0\nfile other.mp4\n"),
    ],
)
def test_what_is_no_media_is_not_tried(tmp_path: Path, name: str, data: bytes) -> None:
    write_numbered(tmp_path / "other.mp4", 2)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(MediaError, match=f"{name} is neither a video nor an image that can be read"):
        open_clip(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_tags_that_are_not_utf8_do_no_harm(tmp_path: Path, name: str) -> None:
    with av.open(tmp_path / name, "w") as output:
        output.metadata["title"] = "no accents"
        stream = output.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        for frame in (av.VideoFrame(64, 64, "yuv420p"), None):
            output.mux(stream.encode(frame))
    data = (tmp_path / name).read_bytes()
    assert data.count(b"accents") == 1
    (tmp_path / name).write_bytes(data.replace(b"accents", "accénts".encode("latin-1")))
    with open_clip(tmp_path / name) as clip:
        assert [frame.size for frame in clip] == [(64, 64)]


def test_missing_and_empty_files(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    for name, message in [("no.mp4", "does not exist; check"), ("empty.mp4", r"is empty \(0 bytes\)")]:
        with pytest.raises(MediaError, match=message):
            open_clip(tmp_path / name)
    with pytest.raises(MediaError, match="does not exist"):
        open_clip(tmp_path / "empty.mp4" / "below.mp4")


def test_a_recording_that_never_ended_says_so(tmp_path: Path) -> None:
    whole = write_numbered(tmp_path / "a.mp4", 30).read_bytes()  # its index comes last
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match=r"cut\.mp4 has no index \(its moov box is missing\): it is cut off"):
        open_clip(cut)


def test_an_index_that_is_cut_off_says_so(tmp_path: Path) -> None:
    whole = write_numbered(tmp_path / "a.mp4", 30, container={"movflags": "faststart"}).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[:200])
    with pytest.raises(MediaError, match=r"cut\.mp4 holds no video, or ends before it begins"):
        open_clip(cut)


def test_pictures_that_cannot_be_decoded_at_all(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 5, container={"movflags": "faststart"})
    data = path.read_bytes()
    start = data.index(b"mdat") + 4
    path.write_bytes(data[:start] + bytes(len(data) - start))
    with pytest.raises(MediaError, match=r"a\.mp4 holds no picture that can be decoded"):
        open_clip(path)


def test_a_codec_without_decoder_is_named_as_the_reason(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 2)
    data = path.read_bytes()
    assert data.count(b"avc1") == 2  # once as a brand, once as the codec
    path.write_bytes(data[:64] + data[64:].replace(b"avc1", b"zzzz"))
    with pytest.raises(MediaError, match=r"a\.mp4 uses a codec that this FFmpeg cannot decode; convert it"):
        open_clip(path)


def box(name: bytes, data: bytes, wide: bool = False) -> bytes:
    """ISO 14496-12, 4.2: a size of 32 bits, or of 64 behind the name."""
    if wide:
        return (1).to_bytes(4, "big") + name + (16 + len(data)).to_bytes(8, "big") + data
    return (8 + len(data)).to_bytes(4, "big") + name + data


TYPE = box(b"ftyp", b"isom\0\0\0\0isommp42")
BAD_SAMPLES = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", box(b"stsd", bytes(8) + b"\xff" * 40)))))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (TYPE + box(b"mdat", b"x" * 100, wide=True), "has no index"),
        (TYPE + b"\0\0\0\3mdat" + b"x" * 50, "has no index"),
        (TYPE + box(b"moov", random.Random(0).randbytes(300)), "holds no video"),
        (TYPE + box(b"moov", BAD_SAMPLES), "is a damaged video"),
    ],
)
def test_damaged_mp4s_are_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.mp4").write_bytes(data)
    with pytest.raises(MediaError, match=rf"a\.mp4 {message}"):
        open_clip(tmp_path / "a.mp4")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.flv"])
def test_damaged_headers_are_media_errors_or_nothing(tmp_path: Path, name: str) -> None:
    path = write_numbered(tmp_path / name, 6, container={"movflags": "faststart"} if name == "a.mp4" else {})
    whole, messages = path.read_bytes(), []
    for seed in range(30):
        data, rng = bytearray(whole), random.Random(seed)
        for _ in range(rng.choice([1, 5, 20])):
            data[rng.randrange(min(900, len(data)))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            with open_clip(path) as clip:
                assert [frame.index for frame in clip] == list(range(clip.count()))
        except MediaError as error:
            messages.append(str(error))
    assert messages
    assert not [message for message in messages if "\n" in message]


def test_names_that_look_like_a_protocol_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_numbered(tmp_path / "a.mp4", 3).rename(tmp_path / "http:a.mp4")
    assert open_clip("http:a.mp4").count() == 3


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    with av.open(path, "w") as output:
        sound = output.add_stream("libmp3lame", rate=44100)
        cover = output.add_stream("mjpeg", rate=1)
        cover.width = cover.height = 16
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame(16, 16, "yuvj420p")
        picture.pts = 0
        output.mux(cover.encode(picture))
        output.mux(cover.encode(None))
        write_silence(output, sound, seconds=1)
    with av.open(path) as written:
        assert len(written.streams.video) == 1
    with pytest.raises(MediaError, match=r"song\.mp3 holds sound but no pictures"):
        open_clip(path)
