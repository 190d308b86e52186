package grafana

import (
	"slices"
	"testing"
	"time"
)

// lokiConfig is as much of Loki's documented configuration as loki/loki.yml uses, with its
// types. A setting that is not here is refused.
type lokiConfig struct {
	AuthEnabled *bool `yaml:"auth_enabled"`
	Server      struct {
		HTTPPort int    `yaml:"http_listen_port"`
		GRPCPort int    `yaml:"grpc_listen_port"`
		LogLevel string `yaml:"log_level"`
	}
	Common struct {
		InstanceAddr      string `yaml:"instance_addr"`
		PathPrefix        string `yaml:"path_prefix"`
		ReplicationFactor int    `yaml:"replication_factor"`
		Ring              struct{ KVStore struct{ Store string } }
		Storage           struct {
			Filesystem struct {
				Chunks string `yaml:"chunks_directory"`
				Rules  string `yaml:"rules_directory"`
			}
		}
	}
	Schema struct {
		Configs []struct {
			From, Store, Schema string
			ObjectStore         string `yaml:"object_store"`
			Index               struct {
				Prefix string
				Period time.Duration
			}
		}
	} `yaml:"schema_config"`
	Ingester struct {
		ChunkIdle     time.Duration `yaml:"chunk_idle_period"`
		MaxChunkAge   time.Duration `yaml:"max_chunk_age"`
		ChunkEncoding string        `yaml:"chunk_encoding"`
		WAL           struct {
			Enabled       bool
			Dir           string
			ReplayCeiling string `yaml:"replay_memory_ceiling"`
		}
	}
	Compactor struct {
		WorkingDirectory   string        `yaml:"working_directory"`
		Interval           time.Duration `yaml:"compaction_interval"`
		RetentionEnabled   bool          `yaml:"retention_enabled"`
		RetentionDelay     time.Duration `yaml:"retention_delete_delay"`
		DeleteRequestStore string        `yaml:"delete_request_store"`
	}
	Limits struct {
		Retention          time.Duration `yaml:"retention_period"`
		MaxStreams         int           `yaml:"max_global_streams_per_user"`
		MaxLabels          int           `yaml:"max_label_names_per_series"`
		IngestionRate      float64       `yaml:"ingestion_rate_mb"`
		IngestionBurst     float64       `yaml:"ingestion_burst_size_mb"`
		OldestSample       time.Duration `yaml:"reject_old_samples_max_age"`
		QueryParallelism   int           `yaml:"max_query_parallelism"`
		TSDBParallelism    int           `yaml:"tsdb_max_query_parallelism"`
		MaxQueryLength     time.Duration `yaml:"max_query_length"`
		MaxEntriesPerQuery int           `yaml:"max_entries_limit_per_query"`
	} `yaml:"limits_config"`
	Querier struct {
		MaxConcurrent int `yaml:"max_concurrent"`
	}
	QueryRange struct {
		ResultsCache struct {
			Cache struct {
				Embedded struct {
					Enabled bool
					MaxSize int `yaml:"max_size_mb"`
				} `yaml:"embedded_cache"`
			}
		} `yaml:"results_cache"`
	} `yaml:"query_range"`
	Analytics struct {
		Reporting *bool `yaml:"reporting_enabled"`
	}
}

// TestLoki checks what the rest relies on: the port, structured metadata, that old lines go,
// and that it fits a small machine.
func TestLoki(t *testing.T) {
	var c lokiConfig
	readYAML(t, "loki/loki.yml", &c)
	if c.Server.HTTPPort != ports["loki"] || c.AuthEnabled == nil || *c.AuthEnabled {
		t.Errorf("port %d; it needs a tenant's name: %v", c.Server.HTTPPort, c.AuthEnabled)
	}
	for _, s := range c.Schema.Configs {
		if _, err := time.Parse(time.DateOnly, s.From); err != nil || s.Schema != "v13" || s.Store != "tsdb" || s.Index.Period != 24*time.Hour {
			t.Errorf("schema %+v (%v) has no structured metadata", s, err)
		}
	}
	if !c.Compactor.RetentionEnabled || c.Compactor.DeleteRequestStore != "filesystem" || c.Limits.Retention < 24*time.Hour {
		t.Errorf("old lines stay: %+v", c.Compactor)
	}
	if c.Limits.MaxQueryLength < c.Limits.Retention || c.Limits.OldestSample > c.Limits.Retention {
		t.Errorf("limits do not fit the retention: %+v", c.Limits)
	}
	if c.QueryRange.ResultsCache.Cache.Embedded.MaxSize > 32 || c.Querier.MaxConcurrent > 4 {
		t.Error("too much memory for a machine of 2 GB")
	}
	if c.Analytics.Reporting == nil || *c.Analytics.Reporting {
		t.Error("it reports to its makers")
	}
	if !slices.Contains([]string{"snappy", "gzip", "zstd", "lz4"}, c.Ingester.ChunkEncoding) || !c.Ingester.WAL.Enabled {
		t.Errorf("ingester %+v", c.Ingester)
	}
}
