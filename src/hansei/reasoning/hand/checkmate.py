"""Checkmate in one: the rules of chess, and a move after which the other side is mated.

A board is a dictionary from (file, rank), 0 to 7, to a piece: upper case is White.
"""

import re

STRAIGHT, SLANTED = ((1, 0), (-1, 0), (0, 1), (0, -1)), ((1, 1), (1, -1), (-1, 1), (-1, -1))
JUMPS = ((1, 2), (2, 1), (-1, 2), (-2, 1), (1, -2), (2, -1), (-1, -2), (-2, -1))
RAYS = {"B": SLANTED, "R": STRAIGHT, "Q": STRAIGHT + SLANTED}
SAN = re.compile(r"([KQRBN]?)([a-h]?)([1-8]?)x?([a-h])([1-8])(?:=?([QRBN]))?[+#]?$")


class Game:
    """A position: board, who moves, pawn that may be taken in passing, rooks and kings that have moved."""

    def __init__(self, board=None, white=True, passing=None, moved=frozenset()):
        if board is None:
            board = {(f, r): p for r, row in ((0, "RNBQKBNR"), (1, "P" * 8)) for f, p in enumerate(row)}
            board |= {(f, 7 - r): p.lower() for (f, r), p in board.items()}
        self.board, self.white, self.passing, self.moved = board, white, passing, moved

    def mine(self, piece):
        """Whether a piece is of the side that moves."""
        return piece is not None and piece.isupper() == self.white

    def attacked(self, square, by_white):
        """Whether a side attacks a square."""
        f, r = square

        def is_one(at, kinds):
            piece = self.board.get(at)
            return piece is not None and piece.isupper() == by_white and piece.upper() in kinds

        back = -1 if by_white else 1
        if any(is_one((f + d, r + back), "P") for d in (-1, 1)) or any(is_one((f + a, r + b), "N") for a, b in JUMPS):
            return True
        for directions, kinds in ((STRAIGHT, "RQ"), (SLANTED, "BQ")):
            for a, b in directions:
                if is_one((f + a, r + b), "K"):
                    return True
                at = (f + a, r + b)
                while inside(at) and at not in self.board:
                    at = (at[0] + a, at[1] + b)
                if is_one(at, kinds):
                    return True
        return False

    def in_check(self, white):
        """Whether a side's king is attacked."""
        king = next(at for at, piece in self.board.items() if piece == ("K" if white else "k"))
        return self.attacked(king, not white)

    def moves(self):
        """All legal moves: (from, to, promotion or None)."""
        found = [move for at, piece in list(self.board.items()) if self.mine(piece) for move in self._of(at, piece)]
        return [move for move in found if not self.after(move).in_check(self.white)]

    def _of(self, at, piece):
        kind, (f, r) = piece.upper(), at
        if kind == "P":
            yield from self._pawn(at)
        elif kind in RAYS:
            for a, b in RAYS[kind]:
                to = (f + a, r + b)
                while inside(to) and not self.mine(self.board.get(to)):
                    yield at, to, None
                    if to in self.board:
                        break
                    to = (to[0] + a, to[1] + b)
        else:
            for a, b in JUMPS if kind == "N" else STRAIGHT + SLANTED:
                if inside((f + a, r + b)) and not self.mine(self.board.get((f + a, r + b))):
                    yield at, (f + a, r + b), None
            if kind == "K":
                yield from self._castlings(at)

    def _pawn(self, at):
        (f, r), up = at, 1 if self.white else -1
        targets = [(f, r + up)] if (f, r + up) not in self.board else []
        if targets and r == (1 if self.white else 6) and (f, r + 2 * up) not in self.board:
            targets.append((f, r + 2 * up))
        for to in ((f - 1, r + up), (f + 1, r + up)):
            if to == self.passing or (to in self.board and not self.mine(self.board[to])):
                targets.append(to)
        for to in targets:
            for promotion in "QRBN" if to[1] in (0, 7) else (None,):
                yield at, to, promotion

    def _castlings(self, at):
        rank = 0 if self.white else 7
        if at != (4, rank) or at in self.moved or self.attacked(at, not self.white):
            return
        for rook, between, way in ((7, (5, 6), (5, 6)), (0, (1, 2, 3), (3, 2))):
            there = self.board.get((rook, rank)) == ("R" if self.white else "r") and (rook, rank) not in self.moved
            free = all((f, rank) not in self.board for f in between)
            if there and free and not any(self.attacked((f, rank), not self.white) for f in way):
                yield at, (way[1], rank), None

    def after(self, move):
        """The position after a move."""
        at, to, promotion = move
        board = dict(self.board)
        piece = board.pop(at)
        if piece in "Pp" and to == self.passing:
            board.pop((to[0], at[1]))
        if piece in "Kk" and abs(to[0] - at[0]) == 2:
            rook, place = ((7, 5), (0, 3))[to[0] == 2]
            board[(place, to[1])] = board.pop((rook, to[1]))
        board[to] = piece if promotion is None else promotion if self.white else promotion.lower()
        double = piece in "Pp" and abs(to[1] - at[1]) == 2
        return Game(board, not self.white, (at[0], (at[1] + to[1]) // 2) if double else None, self.moved | {at, to})

    def read(self, text):
        """The legal move that a text in algebraic notation means; None where none or several are."""
        plain = text.rstrip("+#!?")
        if plain.replace("0", "O") in ("O-O", "O-O-O"):
            file = 6 if plain.count("-") == 1 else 2
            fits = [m for m in self.moves() if self.board[m[0]] in "Kk" and m[0][0] == 4 and m[1][0] == file]
            return fits[0] if fits else None
        match = SAN.fullmatch(plain)
        if match is None:
            return None
        kind, file, rank, to_file, to_rank, promotion = match.groups()
        to = ("abcdefgh".index(to_file), int(to_rank) - 1)
        fits = [
            move
            for move in self.moves()
            if move[1] == to
            and self.board[move[0]].upper() == (kind or "P")
            and (not file or "abcdefgh"[move[0][0]] == file)
            and (not rank or move[0][1] == int(rank) - 1)
            and move[2] == promotion
        ]
        return fits[0] if len(fits) == 1 else None

    def mated(self):
        """Whether the side that moves is mated."""
        return self.in_check(self.white) and not self.moves()

    def name(self, move):
        """A mating move in algebraic notation."""
        at, to, promotion = move
        kind = self.board[at].upper()
        square = f"{'abcdefgh'[to[0]]}{to[1] + 1}"
        taking = "x" if to in self.board or (kind == "P" and to[0] != at[0]) else ""
        if kind == "K" and abs(to[0] - at[0]) == 2:
            return "O-O#" if to[0] == 6 else "O-O-O#"
        if kind == "P":
            return f"{'abcdefgh'[at[0]] if taking else ''}{taking}{square}{f'={promotion}' if promotion else ''}#"
        for which in ("", "abcdefgh"[at[0]], str(at[1] + 1), f"{'abcdefgh'[at[0]]}{at[1] + 1}"):
            if self.read(f"{kind}{which}{square}") == move:
                return f"{kind}{which}{taking}{square}#"
        return f"{kind}{'abcdefgh'[at[0]]}{at[1] + 1}{taking}{square}#"


def inside(square):
    """Whether a square is on the board."""
    return 0 <= square[0] < 8 and 0 <= square[1] < 8


def played(moves):
    """The position after a game's moves; None where one of them is no legal move."""
    game = Game()
    for text in re.sub(r"\d+\.+", " ", moves).split():
        move = game.read(text)
        if move is None:
            return None
        game = game.after(move)
    return game


def mates(moves, answer):
    """Whether an answer is a legal move that mates."""
    game = played(moves)
    move = game.read(answer) if game else None
    return move is not None and game.after(move).mated()


def solve(moves):
    """A mating move; empty where there is none."""
    game = played(moves)
    for move in game.moves() if game else ():
        if game.after(move).mated():
            return game.name(move)
    return ""
