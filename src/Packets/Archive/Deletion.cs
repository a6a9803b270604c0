// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Archive;

/// <summary>What was deleted, when and why.</summary>
/// <param name="Sequence">The segment.</param>
/// <param name="File">Its file name.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="FirstUtcNs">Earliest stamp in it.</param>
/// <param name="LastUtcNs">Latest stamp in it.</param>
/// <param name="AtUtcNs">When, by the wall clock.</param>
/// <param name="Reason">The rule that named it, with its figures.</param>
/// <param name="Failed">Why it was not deleted after all; null: it was.</param>
public sealed record Deletion(ulong Sequence, string File, long Bytes, long FirstUtcNs, long LastUtcNs, long AtUtcNs, string Reason,
    string? Failed = null);
