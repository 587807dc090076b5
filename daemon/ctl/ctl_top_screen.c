#include "ctl_top_screen.h"

#include <curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static SCREEN *screen; /* NULL: the terminal is not ours */
static bool coloured;

static const struct {
    short colour; /* -1: the terminal's own */
    attr_t attributes;
} styles[] = {
    [PAGE_PLAIN] = {-1,           A_NORMAL },
      [PAGE_TITLE] = {-1,           A_BOLD   },
    [PAGE_HEAD] = {-1,           A_REVERSE},
      [PAGE_GOOD] = {COLOR_GREEN,  A_NORMAL },
    [PAGE_WARN] = {COLOR_YELLOW, A_NORMAL },
      [PAGE_BAD] = {COLOR_RED,    A_BOLD   },
};
enum { STYLES = sizeof styles / sizeof styles[0] };

static void open_colours(void)
{
    const char *plain = getenv("NO_COLOR");
    coloured =
        has_colors() && !(plain && *plain) && start_color() == OK && use_default_colors() == OK;
    for (short i = 0; coloured && i < STYLES; i++)
        init_pair((short)(i + 1), styles[i].colour, -1);
}

bool top_screen_open(void)
{
    enum { ESCAPE_MS = 25 };
    screen = newterm(NULL, stdout, stdin);
    if (!screen)
        return false;
    set_escdelay(ESCAPE_MS);
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    (void)curs_set(0);
    open_colours();
    return true;
}

void top_screen_close(void)
{
    if (!screen)
        return;
    endwin();
    delscreen(screen);
    screen = NULL;
}

void top_screen_size(size_t *ret_rows, size_t *ret_cols)
{
    *ret_rows = (size_t)LINES;
    *ret_cols = (size_t)COLS;
}

void top_screen_resize(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        resizeterm(size.ws_row, size.ws_col);
    clear();
}

void top_screen_show(const struct page *p)
{
    erase();
    for (size_t i = 0; i < p->n; i++) {
        size_t style = p->lines[i].style;
        attr_t colour = coloured ? (attr_t)COLOR_PAIR(style + 1) : A_NORMAL;
        attrset((int)(styles[style].attributes | colour));
        mvaddnstr((int)i, 0, p->lines[i].text, (int)p->cols);
    }
    refresh();
}

bool top_screen_key(int *ret)
{
    int key = getch();
    if (key == ERR)
        return false;
    *ret = key == KEY_ENTER || key == '\r'       ? SCREEN_ENTER
           : key == KEY_BACKSPACE || key == '\b' ? SCREEN_BACKSPACE
           : key > SCREEN_BACKSPACE              ? SCREEN_NONE
                                                 : key;
    return true;
}
