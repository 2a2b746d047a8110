"""A scheduler on mesoshttp, the library of the original GoDocker. Plays the story of test/clients/README.md and prints
what it saw as one line of JSON. The library handles a record when the next one arrives, so it is slow by nature; it
acknowledges updates by itself.

usage: story.py http://HOST:PORT
"""

import json
import sys
import threading

from mesoshttp.client import MesosClient

COMMANDS = {"says-hi": "echo hi; exit 3", "succeeds": "true", "sleeps": "sleep 100"}
STORY_SECONDS_MAX = 120
NOT_OVER = ("TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING")


class Story:
    def __init__(self, url):
        self.states, self.messages, self.reconciled = {}, {}, None
        self.has_launched = False
        self.fault = None
        self.driver = None
        self.client = MesosClient(
            mesos_urls=[url], frameworkName="witness-mesoshttp", frameworkUser="root", max_reconnect=1
        )
        for capability in ("PARTITION_AWARE", "TASK_KILLING_STATE"):
            self.client.add_capability(capability)
        self.client.on(MesosClient.SUBSCRIBED, self.subscribed)
        self.client.on(MesosClient.OFFERS, self.offered)
        self.client.on(MesosClient.UPDATE, self.updated)
        self.client.on(MesosClient.ERROR, self.failed)

    def subscribed(self, driver):
        self.driver = driver

    def offered(self, offers):
        for offer in offers:
            if self.has_launched:
                offer.decline({"filters": {"refuse_seconds": 1.0}})
            else:
                self.has_launched = True
                offer.accept([self.task(name, offer.get_offer()) for name in COMMANDS])

    @staticmethod
    def task(name, offer):
        return {
            "name": name,
            "task_id": {"value": name},
            # Left out, the library would add the slave_id of older masters.
            "agent_id": offer["agent_id"],
            "command": {"value": COMMANDS[name], "shell": True},
            "resources": [
                {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}},
            ],
        }

    def updated(self, update):
        status = update["status"]
        task, state = status["task_id"]["value"], status["state"]
        agent = status["agent_id"]["value"]
        if status.get("reason") == "REASON_RECONCILIATION":
            self.reconciled = state
            self.driver.kill(agent, task)
            return
        told = self.states.setdefault(task, [])
        if told[-1:] == [state]:
            return  # A repeated update says nothing new.
        told.append(state)
        if state == "TASK_RUNNING" and task == "sleeps":
            self.driver.reconcile([{"task_id": {"value": task}}])
        elif state not in NOT_OVER:
            self.messages[task] = status.get("message", "")
            if len(self.messages) == len(COMMANDS):
                self.client.tearDown()

    def failed(self, event):
        self.fault = str(event)


def main():
    story = Story(sys.argv[1])
    listening = threading.Thread(target=story.client.register, daemon=True)
    listening.start()
    listening.join(STORY_SECONDS_MAX)
    if listening.is_alive() or story.fault is not None or len(story.messages) < len(COMMANDS):
        sys.exit("mesoshttp: %s, seen %r" % (story.fault or "not over in time", story.states))
    print(json.dumps({"states": story.states, "messages": story.messages, "reconciled": story.reconciled}))


main()
