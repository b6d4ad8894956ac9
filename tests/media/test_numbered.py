"""Numbered files by a pattern: names, holes, and what stays as it is."""

import pytest

from animi.core.errors import ConfigError, InputError, OutputError
from animi.core.media.numbered import add_number, describe_holes, find_numbered, read_pattern
from animi.core.media.numbered_writing import name_files, write_numbered


@pytest.mark.parametrize("name", ["shot.####.exr", "shot.%04d.exr"])
def test_patterns_find_their_files_in_order(tmp_path, name):
    for number in ("0009", "0010", "12000", "0011", "00012", "x", "-001", "001"):
        (tmp_path / f"shot.{number}.exr").touch()
    path = tmp_path / name
    pattern = read_pattern(path)
    files, numbers = find_numbered(path, pattern)
    assert numbers == [9, 10, 11, 12000]
    assert [file.name for file in files] == [f"shot.{number:04d}.exr" for number in numbers]
    assert "12-11999 are missing" in describe_holes(path, numbers)
    assert describe_holes(path, [3, 4, 5]) is None
    assert "number 5 is missing" in describe_holes(path, [4, 6])
    assert "2, 4, 6, 8, 10 and 1 more" in describe_holes(path, range(1, 14, 2))


def test_odd_patterns(tmp_path):
    assert read_pattern(tmp_path / "plain.png") is None
    assert read_pattern(tmp_path / "a##b.png").name(7).name == "a07b.png"
    assert read_pattern(tmp_path / "a%03d.png").name(1234).name == "a1234.png"
    for name in ("日本語 #1.png", "100%d.png", "%s.png", "a%4d.png"):
        assert read_pattern(tmp_path / name) is None
    (tmp_path / "a##.png").touch()
    assert read_pattern(tmp_path / "a##.png") is None  # a file of that name
    with pytest.raises(ConfigError, match="2 places"):
        read_pattern(tmp_path / "a##b##.png")
    with pytest.raises(ConfigError, match="digits"):
        read_pattern(tmp_path / ("#" * 40 + ".png"))
    with pytest.raises(InputError, match="check the pattern"):
        find_numbered(tmp_path / "no.##.png", read_pattern(tmp_path / "no.##.png"))


def test_names_without_a_number_get_one(tmp_path):
    path, pattern = add_number(tmp_path / "日本 ##.psd")
    assert path.name == "日本 ##.####.psd" and pattern.name(3).name == "日本 ##.0003.psd"
    pattern, files = name_files(tmp_path / "out.psd", 3, 1001)
    assert pattern.name == "out.####.psd"
    assert [file.name for file in files] == ["out.1001.psd", "out.1002.psd", "out.1003.psd"]


def test_files_are_written_all_or_none(tmp_path):
    files = name_files(tmp_path / "o.##.txt", 3)[1]

    def write(path, text):
        if text == "c":
            raise KeyboardInterrupt
        path.write_text(text)

    with pytest.raises(KeyboardInterrupt):
        write_numbered(files, iter("abc"), write, overwrite=False)
    assert not list(tmp_path.iterdir())
    write_numbered(files, iter("xyz"), lambda path, text: path.write_text(text), overwrite=False)
    assert [file.read_text() for file in files] == ["x", "y", "z"]
    with pytest.raises(OutputError, match="--overwrite"):
        write_numbered(files, iter("abd"), write, overwrite=False)
    write_numbered(files, iter("abd"), write, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.00.txt", "o.01.txt", "o.02.txt"]
