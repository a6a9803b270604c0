// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Pcapng;

/// <summary>A port as in the two Interface Description Blocks of a segment.</summary>
/// <param name="Index">Its interfaces are 2 * Index (software stamps) and 2 * Index + 1 (hardware stamps).</param>
/// <param name="Name">if_name, empty if missing.</param>
/// <param name="Driver">if_hardware.</param>
/// <param name="Mac">if_MACaddr as aa:bb:cc:dd:ee:ff.</param>
/// <param name="SpeedBitsPerSecond">if_speed.</param>
/// <param name="Filter">if_filter without its first byte.</param>
/// <param name="HardwareOffsetSeconds">if_tsoffset of the hardware interface: what makes its stamps UTC, seconds.</param>
public sealed record SegmentPort(
    int Index, string Name, string? Driver, string? Mac, ulong? SpeedBitsPerSecond, string? Filter, long HardwareOffsetSeconds);
