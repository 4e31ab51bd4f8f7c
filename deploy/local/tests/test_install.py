"""What `make` installs before anything else of ours can run."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deploy.local import install


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A tree with an empty list of requirements and no `.venv`, on a machine where we may install nothing."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "demo.txt").write_text("")
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(install, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(install, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(install, "may_install", lambda: None)
    return tmp_path


def test_what_is_missing_is_named_with_the_command_that_installs_it(bare, monkeypatch, capsys):
    there, missing = (lambda: True), (lambda: False)
    monkeypatch.setattr(install, "FOR_ANY", {"python3-venv": missing, "tzdata": there})

    assert install.main(["demo"]) == 1

    said = capsys.readouterr().err
    assert "missing on this machine: python3-venv" in said
    assert "sudo apt-get install python3-venv" in said
    assert "tzdata" not in said


def test_a_python_that_is_too_old_is_told_so(bare, monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))

    assert install.main(["demo"]) == 1
    assert "needs Python 3.11 or newer; this is 3.9.2" in capsys.readouterr().err


def test_an_environment_is_made_anew_when_its_making_was_interrupted_and_a_changed_list_is_seen(bare, capsys):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(install.VENV)], check=True)

    assert install.main(["demo"]) == 0

    assert install.is_whole()
    assert install.is_stamped("demo")
    capsys.readouterr()
    assert install.main(["demo"]) == 0
    assert capsys.readouterr().out == "", "a second run has nothing to say"

    (bare / "requirements" / "demo.txt").write_text("# changed\n")
    assert not install.is_stamped("demo")


@pytest.mark.parametrize("before", [None, "#!/bin/sh\nexit 0\n"])
def test_packages_start_no_daemon_while_they_are_installed_and_the_switch_is_as_before(tmp_path, monkeypatch, before):
    switch, answers = tmp_path / "policy-rc.d", []
    if before:
        switch.write_text(before)
    monkeypatch.setattr(install, "POLICY", switch)

    def install_in_vain() -> None:
        with install.no_daemons([]):
            answers.append(subprocess.run([str(switch)], check=False).returncode)
            raise install.CannotInstall("apt-get install failed")

    with pytest.raises(install.CannotInstall):
        install_in_vain()

    assert answers == [101]
    assert (switch.read_text() if switch.exists() else None) == before
    assert [file.name for file in tmp_path.iterdir()] == (["policy-rc.d"] if before else [])
