// A scheduler on mesos-go, speaking protobuf. Plays the story of test/clients/README.md and prints what it saw as one
// line of JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/gogo/protobuf/proto"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpsched"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"
)

const storyLimit = 60 * time.Second

var commands = []struct{ name, shell string }{
	{"says-hi", "echo hi; exit 3"},
	{"succeeds", "true"},
	{"sleeps", "sleep 100"},
}

// What the client saw, as the test reads it.
type seen struct {
	States     map[string][]string `json:"states"`
	Messages   map[string]string   `json:"messages"`
	Reconciled string              `json:"reconciled"`
}

type story struct {
	ctx         context.Context
	caller      calls.Caller
	frameworkID string
	hasLaunched bool
	ended       int
	seen        seen
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), storyLimit)
	defer cancel()
	caller := httpsched.NewCaller(httpcli.New(
		httpcli.Endpoint(os.Args[1]+"/api/v1/scheduler"),
		httpcli.Codec(codecs.ByMediaType[codecs.MediaTypeProtobuf]),
	), httpsched.AllowReconnection(true))
	s := &story{ctx: ctx, caller: caller, seen: seen{
		States:   map[string][]string{},
		Messages: map[string]string{},
	}}
	if err := s.play(); err != nil {
		fmt.Fprintln(os.Stderr, "mesos-go:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(s.seen); err != nil {
		os.Exit(1)
	}
}

func (s *story) play() error {
	response, err := s.caller.Call(s.ctx, calls.Subscribe(&mesos.FrameworkInfo{
		User:  "root",
		Name:  "witness-mesos-go",
		Roles: []string{"*"},
		Capabilities: []mesos.FrameworkInfo_Capability{
			{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE},
			{Type: mesos.FrameworkInfo_Capability_PARTITION_AWARE},
			{Type: mesos.FrameworkInfo_Capability_TASK_KILLING_STATE},
			{Type: mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT},
		},
	}))
	if err != nil {
		return err
	}
	defer response.Close()
	for s.ended < len(commands) {
		var event scheduler.Event
		if err := response.Decode(&event); err != nil {
			return fmt.Errorf("the event stream: %w", err)
		}
		if err := s.hear(&event); err != nil {
			return err
		}
	}
	return s.send(&scheduler.Call{Type: scheduler.Call_TEARDOWN})
}

func (s *story) hear(event *scheduler.Event) error {
	switch event.GetType() {
	case scheduler.Event_SUBSCRIBED:
		s.frameworkID = event.GetSubscribed().FrameworkID.Value
	case scheduler.Event_OFFERS:
		for _, offer := range event.GetOffers().Offers {
			if err := s.use(offer); err != nil {
				return err
			}
		}
	case scheduler.Event_UPDATE:
		return s.note(event.GetUpdate().Status)
	case scheduler.Event_ERROR:
		return fmt.Errorf("the master says: %s", event.GetError().GetMessage())
	}
	return nil
}

// The first offer gets all three tasks, later ones go back.
func (s *story) use(offer mesos.Offer) error {
	if s.hasLaunched {
		return s.send(calls.Decline(offer.ID).With(calls.RefuseSeconds(time.Second)))
	}
	s.hasLaunched = true
	tasks := []mesos.TaskInfo{}
	for _, command := range commands {
		tasks = append(tasks, mesos.TaskInfo{
			Name:      command.name,
			TaskID:    mesos.TaskID{Value: command.name},
			AgentID:   offer.AgentID,
			Resources: share(),
			Command:   &mesos.CommandInfo{Value: proto.String(command.shell)},
		})
	}
	return s.send(calls.Accept(calls.OfferOperations{calls.OpLaunch(tasks...)}.WithOffers(offer.ID)))
}

func share() mesos.Resources {
	list := mesos.Resources{}
	for _, part := range []mesos.Resource{
		resources.NewCPUs(0.1).Resource,
		resources.NewMemory(32).Resource,
	} {
		part.AllocationInfo = &mesos.Resource_AllocationInfo{Role: proto.String("*")}
		list = append(list, part)
	}
	return list
}

func (s *story) note(status mesos.TaskStatus) error {
	task, state := status.TaskID.Value, status.GetState().String()
	if len(status.UUID) > 0 {
		if err := s.send(calls.Acknowledge(status.GetAgentID().GetValue(), task, status.UUID)); err != nil {
			return err
		}
	}
	if status.Reason != nil && status.GetReason() == mesos.REASON_RECONCILIATION {
		s.seen.Reconciled = state
		return s.send(calls.Kill(task, status.GetAgentID().GetValue()))
	}
	told := s.seen.States[task]
	if len(told) > 0 && told[len(told)-1] == state {
		return nil // A repeated update says nothing new.
	}
	s.seen.States[task] = append(told, state)
	switch status.GetState() {
	case mesos.TASK_STAGING, mesos.TASK_STARTING, mesos.TASK_KILLING:
	case mesos.TASK_RUNNING:
		if task == "sleeps" {
			return s.send(calls.Reconcile(calls.ReconcileTasks(map[string]string{task: ""})))
		}
	default:
		s.ended++
		s.seen.Messages[task] = status.GetMessage()
	}
	return nil
}

func (s *story) send(call *scheduler.Call) error {
	call.FrameworkID = &mesos.FrameworkID{Value: s.frameworkID}
	if err := calls.CallNoData(s.ctx, s.caller, call); err != nil {
		return fmt.Errorf("%s: %w", call.GetType(), err)
	}
	return nil
}
