from __future__ import annotations

import os
from pathlib import Path

import pytest

from nst_engine import environment as module
from nst_engine.environment import cpu_quota, usable_cpus
from nst_engine.errors import MissingDependencyError

V1_GROUPS = "4:cpu,cpuacct:/docker/abc\n2:memory:/docker/abc\n0::/\n"


def written(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content, encoding="utf-8")


def quota(root: Path, groups: str) -> float | None:
    own = root / "own"
    own.write_text(groups, encoding="utf-8")
    return cpu_quota(cgroup_root=root, own_cgroups=own)


def test_version_2(tmp_path: Path) -> None:
    written(tmp_path, cpu__max="max 100000\n")
    assert quota(tmp_path, "0::/\n") is None
    written(tmp_path / "a" / "b", cpu__max="250000 100000\n")
    assert quota(tmp_path, "0::/a/b\n") == 2.5


def test_the_tightest_parent_counts(tmp_path: Path) -> None:
    written(tmp_path / "a", cpu__max="150000 100000\n")
    written(tmp_path / "a" / "b", cpu__max="800000 100000\n")
    assert quota(tmp_path, "0::/a/b\n") == 1.5


def test_a_group_named_from_outside_is_the_mount_itself(tmp_path: Path) -> None:
    written(tmp_path, cpu__max="300000 100000\n")
    assert quota(tmp_path, "0::/kubepods/pod1\n") == 3


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize("group", ["", "docker/abc"])
def test_version_1(tmp_path: Path, mount: str, group: str) -> None:
    written(tmp_path / mount / group, cpu__cfs_quota_us="50000\n", cpu__cfs_period_us="100000\n")
    assert quota(tmp_path, V1_GROUPS) == 0.5
    written(tmp_path / mount / group, cpu__cfs_quota_us="-1\n")
    assert quota(tmp_path, V1_GROUPS) is None


def test_other_controllers_do_not_count(tmp_path: Path) -> None:
    written(tmp_path / "memory", cpu__cfs_quota_us="50000\n", cpu__cfs_period_us="100000\n")
    assert quota(tmp_path, "2:memory:/\n") is None


@pytest.mark.parametrize("content", ["", "nonsense", "100000 0", "1 2 3"])
def test_what_is_not_understood_is_no_limit(tmp_path: Path, content: str) -> None:
    written(tmp_path, cpu__max=content)
    assert quota(tmp_path, "0::/\n") is None


def test_without_control_groups_the_affinity_counts(tmp_path: Path) -> None:
    nowhere = tmp_path / "none"
    assert cpu_quota(cgroup_root=nowhere, own_cgroups=nowhere) is None
    expected = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert usable_cpus(cgroup_root=nowhere, own_cgroups=nowhere) == expected


@pytest.mark.parametrize(("maximum", "cpus"), [("10000", 1), ("100000", 1), ("250000", 3), ("9900000", 8)])
def test_quotas_are_rounded_up_and_kept_within_the_affinity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, maximum: str, cpus: int
) -> None:
    monkeypatch.setattr(module, "allowed_cpus", lambda: 8)
    written(tmp_path, cpu__max=f"{maximum} 100000", own="0::/\n")
    assert usable_cpus(cgroup_root=tmp_path, own_cgroups=tmp_path / "own") == cpus


def test_what_is_needed_is_told_with_what_to_type() -> None:
    message = r"^training needs torch, which is not installed; type: pip install .*\[train\]', or wait$"
    what = module.needed("training needs torch", "train", instead=", or wait")
    with pytest.raises(MissingDependencyError, match=message), what:
        raise ImportError
    message = r"which cannot be imported \(no such library\)"
    with pytest.raises(MissingDependencyError, match=message), module.needed("all need it", "cpu", says_why=True):
        raise ImportError("no such library")


def test_close_names_are_suggested() -> None:
    known = ("scream", "great-wave")
    assert module.did_you_mean("graet-wave", known, "bundled:") == "did you mean bundled:great-wave? "
    assert module.did_you_mean("xyz", known) == ""


def test_versions_and_modules_that_are_not_there() -> None:
    assert module.package_version("numpy")
    assert module.package_version("no-such-package") is None
    assert module.is_importable("numpy")
    assert not module.is_importable("no_such_package")
    assert not module.is_importable("no_such_package.inside")
