package main

// PostgreSQL: what a consumer asks and reports. Each call is its own transaction.

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const lockNotAvailable = "55P03"

// isLocked says whether a report failed because a client holds what it changes.
func isLocked(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == lockNotAvailable
}

// Reports is the connection to PostgreSQL.
type Reports struct{ pool *pgxpool.Pool }

// Class is what PostgreSQL knows of a class of a campaign.
type Class struct {
	Name            string
	Total, Reported int64
	Failed          []Range
}

// Stored is a range to report: as stored, or as left out.
type Stored struct {
	Place
	Range
	Suppressed bool
}

// Unchecked is a class whose documents are to be counted before its campaign ends.
type Unchecked struct {
	Place
	Total, LeftOut int64
}

// isPostgreSQL says whether a connection can be tried with this URL. A file that it names may be about to be replaced.
func isPostgreSQL(url string) bool {
	_, err := pgxpool.ParseConfig(url)
	return err == nil || errors.As(err, new(*fs.PathError)) || strings.Contains(err.Error(), "failed to configure TLS")
}

// openReports also tries a report: a read-only server refuses it.
func openReports(ctx context.Context, url string) (*Reports, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(len(queues))
	config.ConnConfig.ConnectTimeout = connectTimeout
	if !strings.Contains(url, "target_session_attrs") {
		config.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	reports := &Reports{pool}
	if _, err := reports.open(ctx, "check"); err != nil {
		go pool.Close() // it would wait for a server that does not answer
		return nil, err
	}
	return reports, nil
}

func (r *Reports) open(ctx context.Context, campaign string) ([]Class, error) {
	rows, _ := r.pool.Query(ctx,
		"SELECT class, total, stored_through, failed::text FROM campaign.report_open($1)", campaign)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (one Class, err error) {
		var failed string
		if err = row.Scan(&one.Name, &one.Total, &one.Reported, &failed); err == nil {
			one.Failed, err = parseMultirange(failed)
		}
		return one, err
	})
}

// stopped is of which of these campaigns no recipient may be stored: true if they are halted, false if only their
// deadline has passed.
func (r *Reports) stopped(ctx context.Context, campaigns []string) (map[string]bool, error) {
	rows, _ := r.pool.Query(ctx,
		"SELECT campaign_id, halted FROM campaign.report_stopped($1) WHERE halted OR valid_ms = 0", campaigns)
	found := map[string]bool{}
	var name string
	var halted bool
	_, err := pgx.ForEachRow(rows, []any{&name, &halted}, func() error {
		found[name] = halted
		return nil
	})
	return found, err
}

// report answers which classes are to be counted first: what concerns their campaigns, unless these are in
// `checked`, was not recorded.
func (r *Reports) report(ctx context.Context, ranges []Stored, checked []string) ([]Unchecked, error) {
	var campaigns, classes []string
	var firsts, lasts []int64
	var suppressed []bool
	for _, one := range ranges {
		campaigns, classes = append(campaigns, one.Campaign), append(classes, one.Class)
		firsts, lasts = append(firsts, one.First), append(lasts, one.Last)
		suppressed = append(suppressed, one.Suppressed)
	}
	rows, _ := r.pool.Query(ctx, "SELECT campaign_id, class, total, left_out"+
		" FROM campaign.report_checked($1, $2, $3, $4, $5, $6)",
		campaigns, classes, firsts, lasts, checked, suppressed)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (one Unchecked, err error) {
		var class *string
		var total, leftOut *int64
		if err = row.Scan(&one.Campaign, &class, &total, &leftOut); err == nil && class != nil {
			one.Class, one.Total, one.LeftOut = *class, *total, *leftOut
		}
		return one, err
	})
	var unchecked []Unchecked
	for _, one := range found {
		if one.Class != "" { // the others have ended
			unchecked = append(unchecked, one)
		}
	}
	return unchecked, err
}

func (r *Reports) gap(ctx context.Context, place Place, next int64) error {
	_, err := r.pool.Exec(ctx, "SELECT campaign.report_gap($1, $2, $3)", place.Campaign, place.Class, next)
	return err
}

func (r *Reports) conflict(ctx context.Context, place Place, seq int64, reason string) error {
	_, err := r.pool.Exec(ctx, "SELECT campaign.report_conflict($1, $2, $3, $4)",
		place.Campaign, place.Class, seq, reason)
	return err
}
