"""test_http_suppression.py - suppression lists over HTTP: each company's own, and nobody else's."""
import pytest

from http_client import Client

NUMBER = "+5511987654321"
