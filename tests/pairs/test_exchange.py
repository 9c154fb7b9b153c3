"""Pairs from files, out to trainers' layouts, and back."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from synclora_lite.errors import PairError, VideoError
from synclora_lite.pairs import add_files, export_pairs, import_pairs, locate, read_manifest
from synclora_lite.pairs.ltx2_trainer import bucket_of
from synclora_lite.pairs.manifest import intact
from synclora_lite.video import read_clip, write_clip


@pytest.mark.parametrize("layout", ["ltx", "diffusers", "ltx-2-trainer"])
def test_an_export_reads_back_with_the_same_clips(built, tmp_path, layout):
    folder, pairs = built
    export_pairs(folder, pairs, tmp_path / "out", layout)
    back = import_pairs(tmp_path / "back", tmp_path / "out")
    same = ("id", "source", "edited", "builder", "kind", "seed", "frames", "fps", "caption")
    assert [[getattr(p, n) for n in same] for p in back] == [
        [getattr(p, n) for n in same] for p in pairs
    ]
    assert import_pairs(tmp_path / "back", tmp_path / "out") == back
    assert read_manifest(tmp_path / "back") == back


def test_the_public_layout_names_media_reference_and_the_constant_caption(built, tmp_path):
    folder, pairs = built
    export_pairs(folder, pairs, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "metadata.jsonl").read_text().splitlines()]
    assert rows[0]["media_path"] == f"media/{pairs[0].id}.mp4"
    assert rows[0]["reference_path"] == f"reference/{pairs[0].id}.mp4"
    assert {row["caption"] for row in rows} == {"3d1t"}
    table = list(csv.DictReader((tmp_path / "metadata.csv").open()))
    assert [row["media_path"] for row in table] == [row["media_path"] for row in rows]
    target = (tmp_path / rows[0]["media_path"]).read_bytes()
    assert target == locate(folder, pairs[0].edited.path).read_bytes()


def test_the_official_trainer_gets_its_configuration(built, tmp_path):
    """Reference and first frame always given, the constant prompt, sizes that its VAE takes."""
    folder, pairs = built
    export_pairs(folder, pairs, tmp_path, "ltx-2-trainer")
    found = yaml.safe_load((tmp_path / "ltx-2-trainer.yaml").read_text())
    conditions = found["training_strategy"]["video"]["conditions"]
    assert {c["type"]: c["probability"] for c in conditions} == {"reference": 1, "first_frame": 1}
    assert "audio" not in found["training_strategy"]
    assert found["lora"]["rank"] == found["lora"]["alpha"]
    assert found["model"]["training_mode"] == "lora"
    width, height, frames = found["validation"]["video_dims"]
    assert (width % 32, height % 32, frames % 8) == (0, 0, 1)
    rows = [json.loads(line) for line in (tmp_path / "metadata.jsonl").read_text().splitlines()]
    for row, sample in zip(rows, found["validation"]["samples"], strict=False):
        assert sample["prompt"] == row["caption"] == "3d1t"
        first, reference = sample["conditions"]
        assert first == {"type": "first_frame", "image_or_video": str(tmp_path / row["video"])}
        assert reference["video"] == str(tmp_path / row["reference_video"])
        assert Path(reference["video"]).is_file()
    with pytest.raises(PairError, match="no pairs to train on"):
        export_pairs(folder, [], tmp_path / "none", "ltx-2-trainer")


def test_a_bucket_keeps_the_aspect_and_the_number_of_pixels():
    assert bucket_of(81, (480, 480)) == (81, 512, 512)
    assert bucket_of(100, (1080, 1920)) == (81, 384, 672)
    assert bucket_of(24, (1920, 1080), side=256) == (17, 352, 192)
    assert bucket_of(1, (10, 4000)) == (1, 32, 10240)


def test_the_lists_of_finetrainers_have_one_line_for_each_pair(built, tmp_path):
    folder, pairs = built
    export_pairs(folder, pairs, tmp_path, "diffusers")
    lists = [
        (tmp_path / name).read_text().splitlines()
        for name in ("prompts.txt", "videos.txt", "reference_videos.txt")
    ]
    assert [len(lines) for lines in lists] == [3, 3, 3]
    assert all((tmp_path / path).is_file() for lines in lists[1:] for path in lines)


@pytest.mark.parametrize("name", ["dataset.json", "metadata.csv"])
def test_a_data_set_with_nothing_but_paths_and_captions_can_be_read(built, tmp_path, name):
    folder, pairs = built
    row = {
        "caption": "a word",
        "video": pairs[0].edited.path,
        "reference_video": pairs[0].source.path,
    }
    for media in (pairs[0].edited, pairs[0].source):
        target = tmp_path / "data" / media.path
        target.parent.mkdir(parents=True)
        target.write_bytes((folder / media.path).read_bytes())
    if name.endswith("json"):
        (tmp_path / "data" / name).write_text(json.dumps([row]))
    else:
        (tmp_path / "data" / name).write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    (pair,) = import_pairs(tmp_path / "back", tmp_path / "data")
    assert (pair.source, pair.edited) == (pairs[0].source, pairs[0].edited)
    assert (pair.caption, pair.builder) == ("a word", "imported")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"caption": "x", "media_path": "../secret.mp4", "reference_path": "a"}', "inside"),
        ('{"caption": "x", "media_path": "a.mp4"}', "reference_path"),
        ("[1]", "no table"),
        ("{", "cannot be understood"),
    ],
)
def test_broken_metadata_are_refused(tmp_path, text, message):
    (tmp_path / "metadata.jsonl").write_text(text)
    with pytest.raises(PairError, match=message):
        import_pairs(tmp_path / "out", tmp_path)
    with pytest.raises(PairError, match="no metadata"):
        import_pairs(tmp_path / "out", tmp_path / "nowhere")


def test_two_files_make_a_pair_of_one_length_and_rate_once(built, tmp_path):
    folder, pairs = built
    source, edited = (locate(folder, media.path) for media in (pairs[0].source, pairs[0].edited))
    short = write_clip(tmp_path / "a 'b' ü.mp4", read_clip(edited).frames[:4], 12)
    pair = add_files(tmp_path / "real", source, short)
    assert (pair.frames, pair.fps, pair.builder) == (4, 12, "files")
    assert add_files(tmp_path / "real", source, short) == pair
    assert read_manifest(tmp_path / "real") == [pair]


def test_a_two_panel_file_is_split_into_source_and_edit(built, tmp_path):
    folder, pairs = built
    halves = [read_clip(locate(folder, m.path)).frames for m in (pairs[0].source, pairs[0].edited)]
    wide = write_clip(tmp_path / "panels.mp4", np.concatenate(halves, axis=2), 12)
    pair = add_files(tmp_path / "real", wide)
    for media, half in zip((pair.source, pair.edited), halves, strict=True):
        clip = read_clip(locate(tmp_path / "real", media.path))
        assert clip.frames.shape == half.shape
        assert np.abs(clip.frames.astype(int) - half).mean() < 6


def test_files_that_do_not_fit_are_refused(built, tmp_path):
    folder, pairs = built
    source = locate(folder, pairs[0].source.path)
    small = write_clip(tmp_path / "small.mp4", np.zeros((5, 16, 16, 3), np.uint8), 12)
    with pytest.raises(PairError, match="one size"):
        add_files(tmp_path / "real", source, small)
    with pytest.raises(PairError, match="no file"):
        add_files(tmp_path / "real", tmp_path / "nothing.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError):
        add_files(tmp_path / "real", tmp_path / "text.mp4")


def data_set(data, rows):
    """Write a data set of rows and of the clips that they name."""
    for path, content in rows.items():
        target = data / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    names = [path for path in rows if not path.startswith("reference")]
    lines = [{"media_path": n, "reference_path": "reference.mp4", "caption": "x"} for n in names]
    (data / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return data


def test_another_data_set_with_the_same_names_is_refused_and_harms_no_pair(built, tmp_path):
    folder, pairs = built
    clips = [locate(folder, pair.edited.path).read_bytes() for pair in pairs]
    first = data_set(tmp_path / "a", {"media/1.mp4": clips[0], "reference.mp4": clips[0]})
    other = data_set(tmp_path / "b", {"media/1.mp4": clips[1], "reference.mp4": clips[0]})
    (pair,) = import_pairs(tmp_path / "pairs", first)
    with pytest.raises(PairError, match=r"row 1: .* has a pair 1 with other clips"):
        import_pairs(tmp_path / "pairs", other)
    assert intact(tmp_path / "pairs", pair)
    assert import_pairs(tmp_path / "pairs", first) == [pair]


def test_two_clips_of_one_name_in_a_data_set_are_refused_unless_they_are_the_same(built, tmp_path):
    folder, pairs = built
    clips = [locate(folder, pair.edited.path).read_bytes() for pair in pairs]
    rows = {"a/1.mp4": clips[0], "b/1.mp4": clips[0], "reference.mp4": clips[0]}
    pair, again = import_pairs(tmp_path / "pairs", data_set(tmp_path / "same", rows))
    assert pair == again
    with pytest.raises(PairError, match=r"row 2: .* other clips"):
        import_pairs(tmp_path / "other", data_set(tmp_path / "data", {**rows, "b/1.mp4": clips[1]}))
    assert intact(tmp_path / "other", *read_manifest(tmp_path / "other"))


@pytest.mark.parametrize("broken", ["media/1.mp4", "reference.mp4"])
def test_a_clip_of_a_data_set_that_cannot_be_read_is_not_imported(built, tmp_path, broken):
    clip = locate(built[0], built[1][0].edited.path).read_bytes()
    rows = {"media/1.mp4": clip, "reference.mp4": clip, broken: b"no video"}
    with pytest.raises(VideoError):
        import_pairs(tmp_path / "pairs", data_set(tmp_path / "data", rows))
    assert not list((tmp_path / "pairs").rglob("*.mp4"))


@pytest.mark.parametrize("caption", ["two\nlines", "a\r\nb\u2028c", "\n", ""])
def test_a_caption_of_several_lines_is_one_line_in_the_list_of_prompts(built, tmp_path, caption):
    folder, pairs = built
    export_pairs(folder, [replace(pair, caption=caption) for pair in pairs], tmp_path, "diffusers")
    prompts = (tmp_path / "prompts.txt").read_bytes().decode()
    assert len(prompts.splitlines()) == len(pairs)
    row = json.loads((tmp_path / "metadata.jsonl").read_bytes().split(b"\n")[0])
    assert row["caption"] == caption


def test_half_a_character_in_a_caption_is_refused(built, tmp_path):
    clip = locate(built[0], built[1][0].edited.path).read_bytes()
    data = data_set(tmp_path / "data", {"media/1.mp4": clip, "reference.mp4": clip})
    table = data / "metadata.jsonl"
    table.write_text(table.read_text().replace('"x"', '"\\ud800"'))
    with pytest.raises(PairError, match="UTF-8"):
        import_pairs(tmp_path / "pairs", data)
