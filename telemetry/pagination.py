"""Pages of the API: `{"next", "previous", "results"}`, newest id first."""

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """By id, which is unique: a cursor over times loses rows that share one."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
