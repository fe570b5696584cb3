package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// row is one line of the table.
type row struct {
	what string
	// towline and relay are what was measured; relay may be empty.
	towline, relay string
	// bar says what is wanted; empty for a row that only informs.
	bar    string
	passed bool
}

// table prints the rows as markdown.
func table(rows []row) string {
	var b strings.Builder
	b.WriteString("| what | Towline | bare relay | bar | |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range rows {
		verdict := ""
		switch {
		case r.bar == "":
		case r.passed:
			verdict = "pass"
		default:
			verdict = "**miss**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.what, r.towline, r.relay, r.bar, verdict)
	}
	return b.String()
}

// quantile returns the value below which the share q of the values lies.
func quantile[T float64 | time.Duration](values []T, q float64) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func median[T float64 | time.Duration](values []T) T { return quantile(values, 0.5) }

// spread prints the median of the rounds, with the least and the most.
func spread[T float64 | time.Duration](values []T, show func(T) string) string {
	return fmt.Sprintf("%s [%s..%s]", show(median(values)), show(slices.Min(values)), show(slices.Max(values)))
}

func micros(d time.Duration) string { return fmt.Sprintf("%d us", d.Microseconds()) }
func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }
func seconds(d time.Duration) string {
	return fmt.Sprintf("%.2f s", d.Seconds())
}
func times(f float64) string { return fmt.Sprintf("%.2fx", f) }
func kib(f float64) string   { return fmt.Sprintf("%.1f KiB", f/1024) }
func mib(f float64) string   { return fmt.Sprintf("%.1f MiB", f/(1<<20)) }

// machine tells where the figures come from.
func machine() string {
	load, _ := os.ReadFile("/proc/loadavg")
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%d cores (%s), Linux %s, %s, load %s", runtime.NumCPU(), cpuModel(), strings.TrimSpace(string(kernel)), runtime.Version(),
		strings.Join(strings.Fields(string(load))[:min(3, len(strings.Fields(string(load))))], " "))
}

// cpuModel returns the processor's name.
func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
