"""The one command that makes the lite model, at a tiny size, to the end."""

from recipes.lite import main
from synclora_lite.models import load_adapter, load_model


def test_everything_is_made_in_order_and_can_be_loaded(tmp_path):
    main(["--size", "tiny", "--out", str(tmp_path), "--device", "cpu"])
    model = load_model(tmp_path / "base/model")
    assert load_adapter(model.transformer, tmp_path / "adapter/final").rank == 4


def test_a_second_call_renders_and_encodes_nothing_again(tmp_path):
    arguments = ["--size", "tiny", "--out", str(tmp_path), "--device", "cpu"]
    main(arguments)
    made = {
        p: p.stat().st_mtime_ns for name in ("bank", "latents") for p in (tmp_path / name).iterdir()
    }
    main(arguments)
    assert made == {p: p.stat().st_mtime_ns for p in made}
