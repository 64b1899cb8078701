#!/usr/bin/env python3
"""Treats `peregrine` and its store as a bad month would, and looks whether the store is sound after each blow.

    python bench/soak.py --peregrine build/bin/peregrine [--kills 200] [--migrations 100] [--minutes 60] [--seed 1] [--json FILE]

kills         SIGKILL at random instants of build, predict and store operations: afterwards every engine that is listed is whole,
              the store is what it was or what it should be, and the next build works and clears up
migrations    SIGKILL at random instants of `migrate` (the first one, to other engines, --force-rebuild) and of its rollback: what is in
              service is what was or what should be, predict works with it, the same command goes on to the end, and a rollback
              after that brings back what was
full disk     files that may grow no further, at random sizes: a clear error, the store as it was
two builders  of one engine at once: it is built once, both go away content
commands      random ones, some of them interrupted or killed, for so many minutes
large models  each checkpoint in the folder PEREGRINE_SOAK_WEIGHTS (m sizes: .pt, .pth): OpenVINO against the reference executor

Ends with status 1 and the list of what went wrong. Needs Python alone; models and images are the demo's. Ctrl-C or SIGTERM ends a
long run early; FILE then holds what it found until there, as it does every minute.
"""
import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "models/demo"
MODELS = [str(DEMO / name) for name in ("demo-detect.pt", "demo-pose.pt", "demo-segment.pt")]
PICTURE = str(DEMO / "scenes/val2017/000000.jpg")
CPU = ["--allow-cpu", "--engine", "openvino"]
# Small images are quick in the reference executor too; what is exercised is the store, not the arithmetic.
QUICK = [*CPU, "--imgsz", "128"]
MIGRATE = ["migrate", "--detect", MODELS[0], "--pose", MODELS[1], "--yes", "--baseline", "none", *CPU]
ALLOWED = {0, 1, 2, 3, 130, -signal.SIGKILL, -signal.SIGINT}


class Soak:
    def __init__(self, arguments, folder):
        self.command, self.folder, self.random = arguments.peregrine, Path(folder), random.Random(arguments.seed)
        self.store, self.failures, self.commands = self.folder / "store", [], 0

    def start(self, *words, limit=None):
        def prepare():
            if limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        self.commands += 1
        return subprocess.Popen([self.command, *words, "--store", str(self.store)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, errors="replace", cwd=self.folder, preexec_fn=prepare)

    def run(self, *words, limit=None):
        process = self.start(*words, limit=limit)
        out, err = process.communicate(timeout=600)
        return process.returncode, out, err

    def kill_after(self, seconds, number, *words):
        """Runs a command that gets signal `number` after so long; its status."""
        process = self.start(*words)
        timer = threading.Timer(seconds, process.send_signal, [number])
        timer.start()
        _, err = process.communicate(timeout=600)
        timer.cancel()
        return process.returncode, err

    def check(self, holds, what):
        if not holds:
            self.failures.append(what)
            print("FAILED:", what, flush=True)
        return holds

    def look(self, after):
        """The store's state, which must be readable and whole: id -> verification, and what is in service."""
        status, out, err = self.run("engines", "list", "--json")
        if not self.check(status == 0, f"{after}: the list ends with {status}: {err}"):
            return None
        state = json.loads(out)
        self.check(not any("damage" in e for e in state["engines"]), f"{after}: a damaged engine: {out}")
        status, out, _ = self.run("engines", "verify")
        self.check(status == 0, f"{after}: an engine is not whole: {out}")
        known = {e["id"] for e in state["engines"]}
        served = {role["engine"] for role in state["current"]["roles"].values()}
        self.check(served <= known, f"{after}: in service is an engine that is gone: {served - known}")
        return {e.get("id"): e.get("verification") for e in state["engines"]}, state["current"]["generation"]

    def leftovers(self):
        found = [str(p) for p in self.store.rglob("*.new")]
        for engine in (self.store / "engines").glob("*"):
            if len(list(engine.iterdir())) != 2:
                found.append(str(engine))
        return found

    def ids(self):
        return sorted(p.name for p in (self.store / "engines").glob("*") if (p / "manifest.json").exists())

    def operation(self):
        """A random command that changes the store, or reads it while others might."""
        ids, pick = self.ids(), self.random.choice
        choices = [["build", pick(MODELS), *QUICK], ["build", pick(MODELS), *QUICK, "--rebuild"],
                   ["predict", "--model", pick(MODELS), "--source", PICTURE, *QUICK]]
        if ids:
            choices += [["engines", "use", pick(ids)], ["engines", "restore"], ["engines", "remove", pick(ids)], ["engines", "show", pick(ids)],
                        ["engines", "remove", pick(ids), "--force"], ["predict", "--source", PICTURE, *CPU],
                        ["engines", "verify", pick(ids), "--model", pick(MODELS), *CPU]]
        return pick(choices)

    def kills(self, count):
        """At instants spread evenly over what such a command takes here when nobody kills it."""
        killed, runs, typical = 0, 0, {}
        while killed < count and runs < 10 * count:
            before, words = self.look(f"kill {runs}: before"), self.operation()
            kind, begin = " ".join(w for w in words[:2] if "/" not in w and not w[0].isdigit()), time.monotonic()
            status, err = self.kill_after(self.random.uniform(0, typical.get(kind, 1.0)), signal.SIGKILL, *words)
            if status == 0:
                typical[kind] = time.monotonic() - begin
            killed, runs = killed + (status == -signal.SIGKILL), runs + 1
            self.check(status in ALLOWED, f"kill {runs}: {words} ended with {status}: {err}")
            after = self.look(f"kill {runs}: {words}")
            if words[:2] == ["engines", "show"] or words[:2] == ["predict", "--source"]:
                self.check(before == after, f"kill {runs}: {words} changed the store")
        status, _, err = self.run("build", MODELS[0], *QUICK, "--rebuild")
        self.check(status == 0, f"the build after the kills ends with {status}: {err}")
        self.check(not self.leftovers(), f"left after the kills: {self.leftovers()}")
        return {"killed": killed, "commands": runs}

    def service(self):
        """What serves: role -> digest of its engine's plan, which differs where an engine was built again."""
        status, out, err = self.run("engines", "list", "--json")
        if not self.check(status == 0, f"the list ends with {status}: {err}"):
            return None
        roles = json.loads(out)["current"]["roles"]
        manifests = {role: self.store / "engines" / service["engine"] / "manifest.json" for role, service in roles.items()}
        return {role: json.loads(file.read_text())["content"]["plan_sha256"] for role, file in manifests.items()}

    def predicts(self, service, after):
        """predict with what is in service."""
        status, _, err = self.run("predict", "--source", PICTURE, *CPU)
        self.check(status == (0 if service else 3), f"{after}: predict ends with {status}: {err}")

    def templates(self):
        """Stores from which journeys begin, made once: name -> (folder, command, roles that it may leave out of service)."""
        small, large = [*MIGRATE, "--imgsz", "96"], [*MIGRATE, "--imgsz", "128"]
        made = {}

        def keep(name, *words):
            made[name] = (self.folder / name, words)
            shutil.copytree(self.store, made[name][0], symlinks=True)
        for words in ([*large], [*small]):
            status, _, err = self.run(*words)
            self.check(status == 0, f"{words} ends with {status}: {err}")
        keep("rollback", "migrate", "--rollback")
        keep("rebuild", *small, "--force-rebuild")
        self.run("migrate", "--rollback")
        keep("change", *small)
        self.run("migrate", "--rollback", "1")
        shutil.rmtree(self.store / "backups")
        keep("first", *large)
        return made

    def migrations(self, count):
        """Engines and comparisons are there already, but for --force-rebuild's: what is killed is the migration."""
        shutil.rmtree(self.store, ignore_errors=True)
        templates, killed, runs, typical = self.templates(), {}, 0, {}
        while sum(killed.values()) < count and runs < 4 * count:
            name = list(templates)[runs % len(templates)]
            template, words = templates[name]
            shutil.rmtree(self.store)
            shutil.copytree(template, self.store)
            before, begin, where = self.service(), time.monotonic(), f"migration {runs}, {name}"
            if name not in typical:  # nobody kills the first of each kind
                self.check(self.run(*words)[0] == 0, f"{where}: does not end well")
                typical[name] = time.monotonic() - begin, self.service()
                begin = time.monotonic()
                shutil.rmtree(self.store)
                shutil.copytree(template, self.store)
            duration, goal = typical[name]
            status, err = self.kill_after(self.random.uniform(0, duration), signal.SIGKILL, *words)
            runs += 1
            killed[name] = killed.get(name, 0) + (status == -signal.SIGKILL)
            self.check(status in (0, -signal.SIGKILL), f"{where}: ended with {status}: {err}")
            between = self.service()
            # An engine that is built again has its id: it serves, validated, from its own rename on.
            self.check(between is not None and set(between) in (set(before), set(goal)), f"{where}: {between} is in service")
            if name != "rebuild":
                self.check(between in (before, goal), f"{where}: in service is neither {before} nor {goal} but {between}")
            self.predicts(between, where)
            # Killed behind its end, when the journal had closed it: the second run is a rebuild, and a backup, of its own.
            ended = name == "rebuild" and not json.loads((self.store / "migration.json").read_text())["content"]["rebuild"]
            old = between if ended else before
            status, out, err = self.run(*words)
            self.check(status == 0, f"{where}: the second run ends with {status}: {out}{err}")
            after = self.service()
            self.check(name == "rebuild" or after == goal, f"{where}: after the second run {after} is in service, not {goal}")
            if name != "rollback":
                status, _, err = self.run("migrate", "--rollback")
                self.check(status == 0 and self.service() == old,
                           f"{where}: the rollback ends with {status}, in service is {self.service()} and not {old}: {err}")
        shutil.rmtree(self.store)
        return {"killed": killed, "runs": runs}

    def full_disk(self, count):
        refused = 0
        for i in range(count):
            before = self.look(f"full disk {i}: before")
            status, _, err = self.run("build", self.random.choice(MODELS), *QUICK, "--rebuild", limit=self.random.randrange(200_000))
            refused += status == 3
            self.check(status == 3 and "cannot be written" in err, f"full disk {i}: ended with {status}: {err}")
            self.check(self.look(f"full disk {i}") == before, f"full disk {i}: the store is another")
        self.check(not self.leftovers(), f"left after full disks: {self.leftovers()}")
        return {"runs": count, "refused": refused}

    def two_builders(self, count):
        for i in range(count):
            for engine in self.ids():
                self.run("engines", "remove", engine, "--force")
            pair = [self.start("build", MODELS[2], *QUICK, "-v") for _ in range(2)]
            logs = [process.communicate(timeout=600)[1] for process in pair]
            self.check(all(process.returncode == 0 for process in pair), f"builders {i}: {[p.returncode for p in pair]}")
            self.check(sum("Building" in log for log in logs) == 1, f"builders {i}: not one of two has built: {logs}")
            self.look(f"builders {i}")
        return {"runs": count}

    def random_commands(self, minutes, tell):
        begin, told, statuses = time.monotonic(), 0, {}
        while (passed := (time.monotonic() - begin) / 60) < minutes:
            if passed >= told + 1:
                told = int(passed)
                tell({"minutes": told, "of": minutes, "ended with": statuses})
            words, blow = self.operation(), self.random.random()
            if blow < 0.2:
                status, err = self.kill_after(self.random.uniform(0, 2), signal.SIGKILL if blow < 0.1 else signal.SIGINT, *words)
            else:
                status, _, err = self.run(*words)
            self.check(status in ALLOWED, f"{words} ended with {status}: {err}")
            self.check(status in (0, -signal.SIGKILL, -signal.SIGINT) or err.strip(), f"{words} ended with {status} and no word")
            statuses[str(status)] = statuses.get(str(status), 0) + 1
            self.look(str(words))
        return {"minutes": minutes, "ended with": statuses}

    def large_models(self, weights):
        figures = {}
        for file in sorted(p for p in Path(weights).iterdir() if p.suffix in (".pt", ".pth")):
            begin = time.monotonic()
            status, out, err = self.run("build", str(file), *CPU)
            self.check(status == 0 and "verification: passed" in out, f"{file.name}: {status}: {out}{err}")
            figures[file.name] = {"seconds": round(time.monotonic() - begin, 1), "record": [line.strip() for line in out.splitlines()[1:]]}
        return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peregrine", default="build/bin/peregrine")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--migrations", type=int, default=100, help="kills of `migrate` and of its rollback")
    parser.add_argument("--faults", type=int, default=20, help="full disks, and pairs of builders")
    parser.add_argument("--minutes", type=float, default=60, help="of random commands")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", help="where the result is kept")
    arguments = parser.parse_args()
    arguments.peregrine = str(Path(arguments.peregrine).resolve())
    begin, parts, complete = time.monotonic(), {}, False
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def keep(name, part):
        parts[name] = part
        print(f"{time.monotonic() - begin:.0f} s, {name}: {json.dumps(part)}", flush=True)
        result = {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "complete": complete, "seconds": round(time.monotonic() - begin),
                  "seed": arguments.seed, "commands_run": soak.commands, **parts, "failures": soak.failures}
        if arguments.json:
            Path(arguments.json).write_text(json.dumps(result, indent=1) + "\n")

    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(arguments, folder)
        os.environ["PEREGRINE_ENABLE_TENSORRT"] = "false"  # whether one is found here is no part of this
        plan = [("kills", arguments.kills, soak.kills), ("full_disk", arguments.faults, soak.full_disk),
                ("two_builders", arguments.faults, soak.two_builders), ("migrations", arguments.migrations, soak.migrations),
                ("commands", arguments.minutes, lambda minutes: soak.random_commands(minutes, lambda part: keep("commands", part)))]
        if weights := os.environ.get("PEREGRINE_SOAK_WEIGHTS"):
            plan.append(("large_models", weights, soak.large_models))
        plan = [step for step in plan if step[1]]  # 0: not asked for
        try:
            for name, amount, part in plan:
                result = part(amount)
                complete = name == plan[-1][0]
                keep(name, result)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    print(f"{len(soak.failures)} failures in {soak.commands} commands")
    return 1 if soak.failures else 0 if complete else 130


if __name__ == "__main__":
    sys.exit(main())
