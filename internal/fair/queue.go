package fair

import "container/heap"

// Queue holds items of any number of flows. It is not safe for concurrent use; the zero value is
// empty. Push and Pop take O(log n) for n flows that have something queued.
type Queue[T any] struct {
	flows  map[string]*flow[T] // those with items, or whose last item has not ended
	active flows[T]            // those with items, by the start of the first
	now    int64               // virtual time
	len    int
	unused []*flow[T]
}

// flow is where items come from.
type flow[T any] struct {
	items []item[T]
	first int   // the items before it are served
	end   int64 // virtual, of its last item
}

type item[T any] struct {
	value T
	start int64
}

// Push adds an item of a flow. cost is in any unit, the same for all, and at least 1.
func (q *Queue[T]) Push(name string, cost int, value T) {
	f := q.flows[name]
	if f == nil {
		f = q.newFlow(name)
	}
	start := max(q.now, f.end)
	f.end = start + int64(max(cost, 1))
	f.items = append(f.items, item[T]{value, start})
	q.len++
	if f.len() == 1 {
		heap.Push(&q.active, f)
	}
}

// Pop returns the item whose turn it is; ok is false if there is none.
func (q *Queue[T]) Pop() (value T, ok bool) {
	if q.len == 0 {
		return value, false
	}
	f := q.active[0]
	next := &f.items[f.first]
	value, q.now = next.value, next.start
	*next = item[T]{}
	f.first++
	q.len--
	if f.len() > 0 {
		heap.Fix(&q.active, 0)
	} else {
		f.items, f.first = f.items[:0], 0
		heap.Pop(&q.active)
	}
	q.forget()
	return value, true
}

// Len is the number of items.
func (q *Queue[T]) Len() int { return q.len }

// Queued is the number of items of a flow.
func (q *Queue[T]) Queued(name string) int {
	if f := q.flows[name]; f != nil {
		return f.len()
	}
	return 0
}

// fewFlows is how many flows without items may be remembered before those are looked for that
// need not be.
const fewFlows = 64

// forget drops flows that are as good as new: all when nothing is queued, because then nobody
// is ahead of anybody, and those whose last item has ended.
func (q *Queue[T]) forget() {
	if q.len > 0 && len(q.flows) < 2*len(q.active)+fewFlows {
		return
	}
	for name, f := range q.flows {
		if f.len() == 0 && (q.len == 0 || f.end <= q.now) {
			delete(q.flows, name)
			if len(q.unused) < fewFlows {
				q.unused = append(q.unused, f)
			}
		}
	}
}

func (q *Queue[T]) newFlow(name string) *flow[T] {
	var f *flow[T]
	if last := len(q.unused) - 1; last >= 0 {
		f, q.unused = q.unused[last], q.unused[:last]
		f.end = 0
	} else {
		f = &flow[T]{}
	}
	if q.flows == nil {
		q.flows = map[string]*flow[T]{}
	}
	q.flows[name] = f
	return f
}

func (f *flow[T]) len() int { return len(f.items) - f.first }

// flows is a heap for container/heap, by the start of each flow's first item.
type flows[T any] []*flow[T]

func (h flows[T]) Len() int { return len(h) }
func (h flows[T]) Less(i, j int) bool {
	return h[i].items[h[i].first].start < h[j].items[h[j].first].start
}
func (h flows[T]) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *flows[T]) Push(x any)   { *h = append(*h, x.(*flow[T])) }

func (h *flows[T]) Pop() any {
	last := len(*h) - 1
	f := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return f
}
