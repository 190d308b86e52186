package fair

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func drain(q *Queue[string]) (order []string) {
	for {
		value, ok := q.Pop()
		if !ok {
			return order
		}
		order = append(order, value)
	}
}

func TestOneItemOfAnIdleFlowIsNext(t *testing.T) {
	var q Queue[string]
	for i := range 100 {
		q.Push("flood", 1000, fmt.Sprint("flood ", i))
	}
	if first, _ := q.Pop(); first != "flood 0" {
		t.Fatalf("the first is %s", first)
	}
	q.Push("neighbour", 1, "neighbour")
	if next, _ := q.Pop(); next != "neighbour" {
		t.Errorf("behind the item in service comes %s", next)
	}
}

func TestFlowsThatAreNeverIdleGetEqualSharesOfCost(t *testing.T) {
	var q Queue[string]
	for range 1000 {
		q.Push("large", 100, "large")
		q.Push("small", 10, "small")
	}
	served := map[string]int{}
	for range 550 {
		value, _ := q.Pop()
		served[value]++
	}
	// 50 large items cost as much as 500 small ones.
	if served["large"] < 49 || served["large"] > 51 {
		t.Errorf("served are %v", served)
	}
}

// A flow that empties its queue each time must not get ahead by that.
func TestAFlowWithOneItemAtATimePaysForIt(t *testing.T) {
	var q Queue[string]
	for range 1000 {
		q.Push("small", 1, "small")
	}
	large := 0
	q.Push("large", 100, "large")
	for range 500 {
		if value, _ := q.Pop(); value == "large" {
			large++
			q.Push("large", 100, "large")
		}
	}
	if large < 4 || large > 6 {
		t.Errorf("large was served %d times beside 500 small ones of a hundredth of its cost", large)
	}
}

func TestTheQueueKeepsTheOrderOfEachFlowAndLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Queue[string]
		pushed, popped := map[string][]string{}, map[string][]string{}
		pop := func() bool {
			value, ok := q.Pop()
			if ok {
				flow := value[:1]
				popped[flow] = append(popped[flow], value)
			}
			return ok
		}
		for i := range rapid.IntRange(0, 300).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "push") {
				flow := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "flow")
				value := fmt.Sprint(flow, i)
				pushed[flow] = append(pushed[flow], value)
				q.Push(flow, rapid.IntRange(-1, 50).Draw(t, "cost"), value)
			} else {
				pop()
			}
			left := 0
			for flow := range pushed {
				n := len(pushed[flow]) - len(popped[flow])
				if q.Queued(flow) != n {
					t.Fatalf("%d of %s are queued, want %d", q.Queued(flow), flow, n)
				}
				left += n
			}
			if q.Len() != left {
				t.Fatalf("%d are queued, want %d", q.Len(), left)
			}
		}
		for pop() {
		}
		for flow := range pushed {
			if !slices.Equal(pushed[flow], popped[flow]) {
				t.Fatalf("%s: pushed %v, popped %v", flow, pushed[flow], popped[flow])
			}
		}
		if len(q.flows) > 0 || len(q.unused) > fewFlows {
			t.Fatalf("an empty queue remembers %d flows", len(q.flows))
		}
	})
}

func TestFlowsThatComeAndGoAreForgotten(t *testing.T) {
	var q Queue[string]
	q.Push("long", 1, "x")
	for i := range 10_000 {
		q.Push(fmt.Sprint("once ", i), 1, "x")
		q.Push("long", 1, "x")
		q.Pop()
	}
	drained := len(drain(&q))
	if len(q.flows) > 0 || drained != 10_001 {
		t.Errorf("%d flows are left after %d more items", len(q.flows), drained)
	}
}

func TestAGateAdmitsByTurn(t *testing.T) {
	g := NewGate(1)
	ctx := t.Context()
	if err := g.Enter(ctx, "flood", 1); err != nil {
		t.Fatal(err)
	}
	entered := make(chan string, 10)
	wait := func(flow string, queued int) {
		go func() {
			if g.Enter(ctx, flow, 10) == nil {
				entered <- flow
			}
		}()
		for { // until it is queued
			g.mu.Lock()
			n := g.waiting.Len()
			g.mu.Unlock()
			if n == queued {
				return
			}
		}
	}
	for i := range 3 {
		wait("flood", i+1)
	}
	wait("neighbour", 4)
	gone, cancel := context.WithCancel(ctx)
	left := make(chan error)
	go func() { left <- g.Enter(gone, "impatient", 1) }()
	for g.queued("impatient") == 0 {
	}
	cancel()
	if err := <-left; err == nil {
		t.Error("who gave up was admitted")
	}
	var order []string
	for range 4 {
		g.Leave()
		order = append(order, <-entered)
	}
	if want := []string{"flood", "neighbour", "flood", "flood"}; !slices.Equal(order, want) {
		t.Errorf("admitted were %v, want %v", order, want)
	}
	g.Leave()
	if err := g.Enter(ctx, "free again", 1); err != nil || g.free != 0 {
		t.Errorf("after all have left: %v, %d places", err, g.free)
	}
}

func (g *Gate) queued(flow string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting.Queued(flow)
}

func BenchmarkQueue(b *testing.B) {
	for _, tenants := range []int{1, 256, 10_000} {
		b.Run(fmt.Sprintf("flows=%d", tenants), func(b *testing.B) {
			names := make([]string, tenants)
			for i := range names {
				names[i] = fmt.Sprint("customer-", i)
			}
			var q Queue[int]
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				q.Push(names[i%tenants], 3, i)
				if q.Len() >= tenants {
					q.Pop()
				}
			}
		})
	}
}
