package main

// Settings: the environment wins over .env in the current directory, and that over the defaults.

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const connectTimeout = 3 * time.Second

// Settings are those of docs/consumer.md that this consumer knows.
type Settings struct {
	AMQP, MongoDB, Database, Collection string
	Prefetch                            int
}

func readSettings(getenv func(string) string, file string) (settings Settings, err error) {
	lines, err := readFile(file)
	if err != nil {
		return settings, err
	}
	value := func(name, otherwise string) string {
		for _, found := range []string{getenv(name), lines[name]} {
			if found != "" {
				return found
			}
		}
		return otherwise
	}
	settings = Settings{value("AMQP_URL", ""), value("MONGODB_URI", ""), value("DATABASE_URL", ""),
		value("CAMPAIGN_COLLECTION", "messages"), 0}
	for name, found := range map[string]string{"AMQP_URL": settings.AMQP, "MONGODB_URI": settings.MongoDB,
		"DATABASE_URL": settings.Database} {
		if found == "" {
			return settings, fmt.Errorf("%s is not set", name)
		}
	}
	// Nothing of it is repeated: what looks like a host may be half of a password.
	if !isBroker(settings.AMQP) {
		return settings, errors.New("AMQP_URL: not a URL")
	}
	if !isMongoDB(settings.MongoDB) {
		return settings, errors.New("MONGODB_URI: not a URL")
	}
	if !isPostgreSQL(settings.Database) {
		return settings, errors.New("DATABASE_URL: not a URL")
	}
	settings.Prefetch, err = strconv.Atoi(value("CAMPAIGN_PREFETCH", "1000"))
	if err != nil || settings.Prefetch < 2 || settings.Prefetch > 65535 {
		err = fmt.Errorf("CAMPAIGN_PREFETCH: a number from 2 to 65535 is needed")
	}
	return settings, err
}

// readFile reads lines NAME=value, with or without quotes. A file that is missing is empty.
func readFile(name string) (map[string]string, error) {
	lines := map[string]string{}
	file, err := os.Open(name)
	if os.IsNotExist(err) {
		return lines, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		name, value, found := strings.Cut(line, "=")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		lines[strings.TrimSpace(name)] = value
	}
	return lines, scanner.Err()
}
