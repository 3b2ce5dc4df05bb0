package bolt

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/webordinary/warmgate/session"
)

// fill stores count ended sessions and a hundred living ones, past the queue.
func fill(b *testing.B, st *Store, count int) {
	b.Helper()
	for from := 0; from < count; from += 20_000 {
		if err := st.db.Update(func(tx *bbolt.Tx) error {
			for i := from; i < min(from+20_000, count); i++ {
				s := benchSession(i)
				if i >= 100 {
					s.Status = session.Expired
				}
				value, err := encode(&s, []byte(`{"title":"A page"}`))
				if err != nil {
					return err
				}
				if err := put(tx, &s, value); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func benchSession(i int) session.Session {
	now := time.Unix(1_800_000_000, int64(i)*int64(time.Millisecond))
	return session.Session{
		// Ids are random in life: neighbours in time are not neighbours in the file.
		ID:       session.ID(fmt.Sprintf("%08x-session-%d", uint32(i)*2654435761, i)),
		ClientID: session.ClientID(fmt.Sprint("client-", i%1000)), Status: session.Active, Generation: 1,
		Target: session.Target{TaskID: "process:1234:5678", Addr: "127.0.0.1:4321"}, Pool: "edit",
		CreatedAt: now, ExpiresAt: now.Add(time.Hour), LastActivity: session.Activity{At: now, Kind: session.Navigation},
		LastHuman: now, LastVisit: now, AwakeSince: now,
	}.UTC()
}

// BenchmarkStore measures with few and with many sessions stored. A million is
// there with WARMGATE_BENCH_MILLION=1: it takes minutes to store them.
func BenchmarkStore(b *testing.B) {
	counts := []int{1000, 50_000}
	if os.Getenv("WARMGATE_BENCH_MILLION") != "" {
		counts = append(counts, 1_000_000)
	}
	for _, count := range counts {
		b.Run(fmt.Sprint("sessions=", count), func(b *testing.B) {
			st, err := Open(Options{Path: filepath.Join(b.TempDir(), "sessions.db")})
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			fill(b, st, count)
			b.Run("read", func(b *testing.B) { benchmarkRead(b, st, count) })
			b.Run("update", func(b *testing.B) { benchmarkUpdate(b, st, 1) })
			b.Run("update-64-at-once", func(b *testing.B) { benchmarkUpdate(b, st, 64) })
			b.Run("living", func(b *testing.B) { benchmarkLiving(b, st) })
		})
	}
}

func benchmarkRead(b *testing.B, st *Store, count int) {
	i := 0
	for b.Loop() {
		i = (i + 7919) % count
		if _, err := st.Session(b.Context(), benchSession(i).ID); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkUpdate(b *testing.B, st *Store, writers int) {
	b.SetParallelism(max(1, writers/runtime.GOMAXPROCS(0)))
	update := func(i int) {
		now := time.Now()
		c := session.ExtendChange(session.Activity{At: now, Kind: session.Request}, now, now, time.Hour, time.Unix(0, 0))
		if _, err := st.Update(b.Context(), benchSession(i%100).ID, c); err != nil {
			b.Error(err)
		}
	}
	if writers == 1 {
		for i := 0; b.Loop(); i++ {
			update(i)
		}
		return
	}
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			update(i)
		}
	})
}

// benchmarkLiving lists the hundred sessions that are not over.
func benchmarkLiving(b *testing.B, st *Store) {
	for b.Loop() {
		n := 0
		for _, err := range st.ByStatus(b.Context(), session.Initializing, session.Active, session.Inactive) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 100 {
			b.Fatalf("%d sessions are listed, want 100", n)
		}
	}
}
