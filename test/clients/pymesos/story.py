"""A scheduler on pymesos. Plays the story of test/clients/README.md and prints what it saw as one line of JSON.

usage: story.py HOST:PORT
"""

import json
import sys
import threading

from pymesos import MesosSchedulerDriver, Scheduler

COMMANDS = {"says-hi": "echo hi; exit 3", "succeeds": "true", "sleeps": "sleep 100"}
STORY_SECONDS_MAX = 60
NOT_OVER = ("TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING")


class Story(Scheduler):
    def __init__(self):
        self.states, self.messages, self.reconciled = {}, {}, None
        self.has_launched = False
        self.fault = None
        self.is_over = threading.Event()

    def resourceOffers(self, driver, offers):
        for offer in offers:
            if self.has_launched:
                driver.declineOffer(offer["id"], {"refuse_seconds": 1.0})
            else:
                self.has_launched = True
                driver.launchTasks(offer["id"], [self.task(name, offer) for name in COMMANDS])

    @staticmethod
    def task(name, offer):
        return {
            "name": name,
            "task_id": {"value": name},
            "agent_id": offer["agent_id"],
            "command": {"value": COMMANDS[name], "shell": True},
            "resources": [
                {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}},
            ],
        }

    def statusUpdate(self, driver, status):
        task, state = status["task_id"]["value"], status["state"]
        driver.acknowledgeStatusUpdate(status)
        if status.get("reason") == "REASON_RECONCILIATION":
            self.reconciled = state
            driver.killTask({"value": task})
            return
        told = self.states.setdefault(task, [])
        if told[-1:] == [state]:
            return  # A repeated update says nothing new.
        told.append(state)
        if state == "TASK_RUNNING" and task == "sleeps":
            driver.reconcileTasks([{"task_id": {"value": task}}])
        elif state not in NOT_OVER:
            self.messages[task] = status.get("message", "")
            if len(self.messages) == len(COMMANDS):
                self.is_over.set()

    def error(self, driver, message):
        self.fault = message
        self.is_over.set()


def main():
    story = Story()
    framework = {
        "user": "root",
        "name": "witness-pymesos",
        "hostname": "localhost",
        "capabilities": [{"type": "PARTITION_AWARE"}, {"type": "TASK_KILLING_STATE"}],
    }
    driver = MesosSchedulerDriver(story, framework, sys.argv[1], implicit_acknowledgements=False)
    driver.start()
    in_time = story.is_over.wait(STORY_SECONDS_MAX)
    driver.stop()  # Sends TEARDOWN.
    driver.join()
    if not in_time or story.fault is not None:
        sys.exit("pymesos: %s, seen %r" % (story.fault or "not over in time", story.states))
    print(json.dumps({"states": story.states, "messages": story.messages, "reconciled": story.reconciled}))


main()
