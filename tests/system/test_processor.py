"""The processor, as Linux describes it."""

import pytest

from recsys.system import processor


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx2 sse\n\nflags\t\t: fpu\n", {"fpu", "avx2", "sse"}),
        ("processor : 0\nFeatures : fp asimd\n", {"fp", "asimd"}),
        ("processor : 0\n", set()),
        (None, set()),
    ],
)
def test_by_the_description(monkeypatch, tmp_path, text, found):
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(processor, "DESCRIPTION", tmp_path / "cpuinfo")
    assert processor.instructions.__wrapped__() == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("model name\t: AMD EPYC\nflags\t\t: avx2 avx512f\n", "AMD EPYC, AVX-512"),
        ("model name\t: AMD EPYC\nflags\t\t: fpu avx2\n", "AMD EPYC, AVX2"),
        ("model name\t: Old\nflags\t\t: fpu\n", "Old"),
        (None, "riscv64"),
    ],
)
def test_its_name(monkeypatch, tmp_path, text, found):
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(processor, "DESCRIPTION", tmp_path / "cpuinfo")
    monkeypatch.setattr(processor, "instructions", processor.instructions.__wrapped__)
    monkeypatch.setattr(processor.platform, "processor", lambda: "")
    monkeypatch.setattr(processor.platform, "machine", lambda: "riscv64")
    assert processor.processor_name() == found
