"""The figures of the tree are counted as they say."""

from tests.support.shape import (
    by_package,
    lines,
    long_functions,
    mirrored,
    patches,
    press_through_the_fold,
    switches,
)
from tests.support.source_tree import Module, imports_of


def module(path: str, text: str = "") -> Module:
    return Module(path.removesuffix(".py").replace("/", "."), path, text)


def test_a_switch_is_two_events_of_different_modules() -> None:
    assert switches([]) == switches(["a"]) == switches(["a", "a"]) == 0
    assert switches(["a", "b", "b", "a"]) == 2


def test_a_press_is_counted_alike_each_time() -> None:
    told = press_through_the_fold()
    assert told == press_through_the_fold()
    assert 0 < told["modules"] <= told["switches"] < 2 * told["calls"]


def test_a_module_counts_for_its_package_of_the_second_level() -> None:
    found = [module(path) for path in ("a/b/c.py", "a/b/d/e.py", "a/f.py")]
    assert by_package(found) == {"a": 1, "a.b": 2}


def test_lines_are_those_of_the_files() -> None:
    found = [module(f"m{number}.py", "\n" * number) for number in range(1, 12)]
    assert lines(found) == {"median": 6, "p90": 11, "max": 11}


def test_a_function_of_41_lines_is_long_and_one_of_40_is_not() -> None:
    texts = {length: "def f():\n" + "    pass\n" * (length - 1) for length in (40, 41)}
    assert long_functions([module("a.py", texts[40])]) == []
    assert long_functions([module("a.py", texts[41])]) == ["a.py:1 f (41)"]


def test_whatever_a_monkeypatch_is_called_it_is_counted_and_the_builtin_is_not() -> None:
    text = "patched.setattr(a, 'b', 1)\npatch.setattr('a.b', 2)\nsetattr(a, 'b', 3)\n"
    assert patches(module("tests/test_a.py", text)) == 2


def test_a_test_is_named_after_the_file_in_its_folder_with_the_longest_name() -> None:
    known = [module(path) for path in ("a/merge.py", "a/merge_rules.py", "b/merge.py", "tests/test_merge.py")]
    assert mirrored("tests/unit/a/test_merge_rules.py", known) == "a/merge_rules.py"
    assert mirrored("tests/unit/a/test_merge_when_late.py", known) == "a/merge.py"
    assert mirrored("tests/unit/a/test_merges.py", known) is None


def test_an_import_is_found_in_a_function_in_a_table_and_of_a_module_but_not_of_its_package() -> None:
    known = {each.name: each for each in map(module, ("a/b.py", "a/c.py", "a/d.py", "a/e.py"))}
    text = 'from a import b\ndef f():\n    from a.c import x\nLAZY = "a.d:main"\n'
    assert imports_of(module("u.py", text), known) == {"a.b", "a.c", "a.d"}
