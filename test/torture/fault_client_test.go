package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
)

// shortWindow is a DEDUPE_WINDOW that a scenario can wait for.
const shortWindow = 2 * time.Second

func clientFaults() []fault {
	toIngest := []string{ingest, valkey, front}
	return []fault{
		{name: "identical-posts-with-id", touches: toIngest,
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				return r.postIdentical(ctx, random, func(id string) (string, http.Header) {
					return fmt.Sprintf(`{"tenant":"acme-corp","feature":"same","tokens":7,"id":%q}`, id),
						http.Header{}
				})
			}},
		{name: "identical-posts-with-header", touches: toIngest,
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				return r.postIdentical(ctx, random, func(id string) (string, http.Header) {
					return `{"tenant":"acme-corp","feature":"same","tokens":7}`,
						http.Header{"Idempotency-Key": {id}}
				})
			}},
		{name: "retry-after-the-dedupe-window", touches: toIngest, alone: true,
			prepare: func(p *prepare) { p.dedupe = shortWindow },
			inject:  retryLate},
	}
}

// posted is an answer to POST /events.
type posted struct {
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
}

// httpClient is a patient client of the ingests.
func httpClient(spread *balancer) *http.Client {
	return &http.Client{Timeout: 7 * time.Second, Transport: spread}
}

// post posts a body once and notes a failure.
func (r *rig) post(
	ctx context.Context, body string, header http.Header,
) (answer posted, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://ingest/events",
		strings.NewReader(body))
	if err != nil {
		return answer, err
	}
	req.Header = header.Clone()
	req.Header.Set("Content-Type", "application/json")
	resp, err := httpClient(r.load.spread).Do(req)
	if err != nil {
		r.journal.fail(err)
		return answer, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		err = &client.Problem{Status: resp.StatusCode}
		r.journal.fail(err)
		return answer, err
	}
	return answer, json.NewDecoder(resp.Body).Decode(&answer)
}

// postIdentical posts one event a hundred times at once, to both ingests: one of the answers
// says accepted, the others duplicate. A request that fails is repeated, and may have been
// the one.
func (r *rig) postIdentical(
	ctx context.Context, random *rand.Rand, request func(id string) (string, http.Header),
) error {
	const times = 100
	e := client.Event{Tenant: "acme-corp", Feature: "same", Tokens: 7,
		ID: fmt.Sprintf("same-%x", random.Uint64())}
	body, header := request(e.ID)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var (
		mu      sync.Mutex
		total   posted
		failed  int
		start   = make(chan struct{})
		posting sync.WaitGroup
	)
	for range times {
		posting.Go(func() {
			<-start
			answer, err := r.post(ctx, body, header)
			failures := 0
			for ; err != nil && ctx.Err() == nil; failures++ {
				pause(ctx, rand.New(rand.NewPCG(1, 1)), 100*time.Millisecond, 100*time.Millisecond)
				answer, err = r.post(ctx, body, header)
			}
			mu.Lock()
			defer mu.Unlock()
			failed += failures
			total.Accepted += answer.Accepted
			total.Duplicates += answer.Duplicates
		})
	}
	close(start)
	posting.Wait()
	if total.Accepted+total.Duplicates > 0 {
		r.journal.ack([]client.Event{e})
	}
	if total.Accepted+total.Duplicates != times || total.Accepted > 1 ||
		total.Accepted < 1 && failed == 0 || r.alone && failed > 0 {
		return fmt.Errorf("%d identical requests were answered: %d accepted, %d duplicates;"+
			" %d attempts failed", times, total.Accepted, total.Duplicates, failed)
	}
	return nil
}

// retryLate repeats an event within the dedupe window, which is a duplicate, and after
// twice the window, when its id is forgotten: then it is another event, of any content.
func retryLate(ctx context.Context, r *rig, random *rand.Rand) error {
	e := client.Event{Tenant: "acme-corp", Feature: "late retry", Tokens: 7, ID: "again"}
	body := fmt.Sprintf(`{"tenant":%q,"feature":%q,"tokens":%d,"id":%q}`,
		e.Tenant, e.Feature, e.Tokens, e.ID)
	var answers []posted
	for i := range 3 {
		if i == 2 {
			pause(ctx, random, 2*shortWindow+100*time.Millisecond, 2*shortWindow+time.Second)
		}
		answer, err := r.post(ctx, body, http.Header{})
		if err != nil {
			return fmt.Errorf("post for the %d. time: %w", i+1, err)
		}
		answers = append(answers, answer)
	}
	r.journal.ack([]client.Event{e})
	r.journal.again(e)
	if want := [3]posted{{1, 0}, {0, 1}, {1, 0}}; [3]posted(answers) != want {
		return errors.New(fmt.Sprint("answers are ", answers, ", want ", want))
	}
	return nil
}
