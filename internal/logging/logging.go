package logging

import (
	"io"
	"log/slog"
)

// JSON returns a logger that writes lines of JSON, from level on.
func JSON(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(Redact(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})))
}

// Text returns a logger that writes lines of key=value, from level on.
func Text(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(Redact(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})))
}
