"""A small OpenAPI document with everything that the reference shows."""

from __future__ import annotations

from typing import Any

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "graphsvc", "version": "9.8.7", "summary": "Account-network analysis"},
    "paths": {
        "/healthz": {"get": {"summary": "Is the process alive", "responses": {"200": {"description": "Done."}}}},
        "/v1/notes": {
            "post": {
                "summary": "Keep a note",
                "description": "Needs a key with the scope write.",
                "security": [{"key": []}],
                "parameters": [
                    {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}},
                    {"name": "sort", "in": "query", "schema": {"enum": ["size", "growth"], "default": "size"}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Note"}},
                        "application/x-ndjson": {"schema": {"type": "string"}},
                    },
                },
                "responses": {
                    "202": {
                        "description": "Done.",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}},
                    },
                    "422": {"description": "A value is wrong.", "content": PROBLEM},
                },
            }
        },
    },
    "components": {
        "schemas": {
            "Note": {
                "description": "What an analyst's <b>note</b> holds.",
                "type": "object",
                "required": ["text", "written_at"],
                "properties": {
                    "text": {"type": "string", "minLength": 1},
                    "written_at": {"type": "string", "format": "date-time"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "answer_to": {"anyOf": [{"$ref": "#/components/schemas/Note"}, {"type": "null"}], "default": None},
                },
            },
            "Receipt": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer", "minimum": 0}}},
            "Problem": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string"}}},
        }
    },
}
