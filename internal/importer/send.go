package importer

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/eduardosanzb/flagmeter/internal/client"
)

// sender posts rows and keeps the account of what became of them.
type sender struct {
	client *client.Client
	opts   Options
	result *Result
}

// send posts a batch until each of its rows is counted or refused. An error means that
// the import cannot go on, and that the batch's rows may or may not have been counted.
func (s *sender) send(ctx context.Context, batch []row) error {
	for len(batch) > 0 {
		got, err := s.post(ctx, batch)
		if err == nil {
			s.count(batch, got)
			return nil
		}
		var p *client.Problem
		if !errors.As(err, &p) || ctx.Err() != nil {
			return err
		}
		if p.Status == http.StatusRequestEntityTooLarge && len(batch) > 1 {
			half := len(batch) / 2
			if err := s.send(ctx, batch[:half]); err != nil {
				return err
			}
			batch = batch[half:]
			continue
		}
		rest := s.drop(batch, p)
		if len(rest) == len(batch) {
			return err
		}
		batch = rest
	}
	return nil
}

// count notes what the server has said of a batch.
func (s *sender) count(batch []row, got client.Result) {
	s.result.Accepted += got.Accepted
	s.result.Duplicates += got.Duplicates
	for _, r := range batch {
		s.result.Tokens += r.tokens
	}
	s.result.window.count(batch, got)
}

func (s *sender) post(ctx context.Context, batch []row) (client.Result, error) {
	events := make([]client.Event, len(batch))
	for i, r := range batch {
		events[i] = client.Event{
			Tenant:    s.opts.Tenant,
			Feature:   s.opts.Feature,
			Tokens:    r.tokens,
			ID:        r.id,
			Timestamp: r.at,
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.RetryFor)
	defer cancel()
	got, err := s.client.Post(ctx, events)
	if err == nil && got.Accepted+got.Duplicates != int64(len(events)) {
		return got, fmt.Errorf("server took %d events and knew %d of %d",
			got.Accepted, got.Duplicates, len(events))
	}
	return got, err
}

// drop refuses the rows that the problem names and returns the others. It returns all
// of them if the fault is not that of single rows: tenant and feature are every row's.
func (s *sender) drop(batch []row, p *client.Problem) []row {
	if p.Status != http.StatusBadRequest && p.Status != http.StatusConflict {
		return batch
	}
	reasons := make(map[int]string)
	for _, fault := range p.Errors {
		if fault.Index == nil || *fault.Index < 0 || *fault.Index >= len(batch) {
			continue
		}
		if fault.Field == "tenant" || fault.Field == "feature" {
			return batch
		}
		if _, known := reasons[*fault.Index]; !known {
			reasons[*fault.Index] = fault.String()
		}
	}
	rest := make([]row, 0, len(batch)-len(reasons))
	for i, r := range batch {
		if why, refused := reasons[i]; refused {
			if p.Status == http.StatusConflict {
				s.result.Conflicts++
			}
			s.result.refuse(r.line, why)
		} else {
			rest = append(rest, r)
		}
	}
	return rest
}
