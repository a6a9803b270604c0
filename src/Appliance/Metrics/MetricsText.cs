// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;
using Capbox.Health;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;

namespace Capbox.Metrics;

/// <summary>
/// Counters as OpenMetrics 1.0 text (OpenMetrics specification, "Text format"). Names end with their unit, counters with <c>_total</c>;
/// docs/reference/metrics.md lists them, and says what begins at 0 when.
/// </summary>
internal static class MetricsText
{
    public const string ContentType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    private static readonly (string Cause, Func<PortLedger, ulong> Count)[] s_causes =
        [("ring", p => p.LostRing), ("disk", p => p.LostDisk), ("nic", p => p.LostNic), ("host", p => p.LostHost)];

    /// <summary>All of the box, ending with <c># EOF</c>.</summary>
    public static string Format(BoxSnapshot box)
    {
        var text = new Writer();
        text.Family("capbox_build", "info", null, "Version of capbox.");
        text.Sample("_info", 1, ("version", SegmentHeader.Application));
        text.Gauge("capbox_uptime_seconds", "seconds", "Since the recorder started.", box.Uptime.TotalSeconds);
        Ports(text, box.Ports);
        Storage(text, box);
        Clock(text, box.Clock);
        if (box.Mqtt is { } mqtt)
        {
            text.Gauge("capbox_mqtt_connected", null, "1 while the box is connected to its broker.", mqtt.Connected ? 1 : 0);
            text.Counter("capbox_mqtt_connects", null, "Connections made.", mqtt.Counts.Connects);
            text.Counter("capbox_mqtt_publish_failures", null, "Messages that the broker did not take.", mqtt.Counts.PublishFailures);
        }

        return text.End();
    }

    private static void Ports(Writer text, IReadOnlyList<PortLedger> ports)
    {
        void Counter(string name, string? unit, string help, Func<PortLedger, double> value)
        {
            text.Family(name, "counter", unit, help);
            foreach (PortLedger port in ports)
                text.Sample("_total", value(port), ("port", port.Port));
        }

        void RingGauge(string name, string help, Func<RingLedger, double> value)
        {
            text.Family(name, "gauge", "blocks", help);
            foreach (PortLedger port in ports)
            {
                foreach (RingLedger ring in port.Rings)
                    text.Sample("", value(ring), ("port", port.Port), ("ring", ring.Ring.ToString(CultureInfo.InvariantCulture)));
            }
        }

        text.Family("capbox_port_state", "stateset", null, "State of the port: one of them is 1.");
        foreach (PortLedger port in ports)
        {
            foreach (PortState state in Enum.GetValues<PortState>())
                text.Sample("", port.State == state ? 1 : 0, ("port", port.Port), ("capbox_port_state", state.ToString().ToLowerInvariant()));
        }

        Counter("capbox_port_seen_packets", "packets", "Packets seen: the sum of stored, filtered, discarded, lost and pending ones.", p => p.SeenPackets);
        Counter("capbox_port_stored_packets", "packets", "Packets on disk.", p => p.StoredPackets);
        Counter("capbox_port_stored_bytes", "bytes", "Bytes of packets on disk.", p => p.StoredBytes);
        Counter("capbox_port_filtered_packets", "packets", "Packets that the filter rejected.", p => p.FilteredPackets);
        Counter("capbox_port_discarded_packets", "packets", "Packets kept for a while and let go (mode trigger).", p => p.DiscardedPackets);
        text.Family("capbox_port_lost_packets", "counter", "packets", "Packets lost, by cause.");
        foreach (PortLedger port in ports)
        {
            foreach ((string cause, Func<PortLedger, ulong> count) in s_causes)
                text.Sample("_total", count(port), ("port", port.Port), ("cause", cause));
        }

        Counter("capbox_port_truncated_packets", "packets", "Packets cut to the snap length.", p => p.TruncatedPackets);
        Counter("capbox_port_interface_drops_packets", "packets", "Packets that the kernel dropped behind the rings: no loss of the recording.", p => p.InterfaceDrops);
        Counter("capbox_port_ring_freezes", null, "Times that a ring was full.", p => p.RingFreezes);
        Counter("capbox_port_gap_seconds", "seconds", "Time in which the port was down or missing.", p => p.Gap.TotalSeconds);
        text.Family("capbox_port_pending_packets", "gauge", "packets", "Packets in the rings, not on disk yet.");
        foreach (PortLedger port in ports)
            text.Sample("", port.PendingPackets, ("port", port.Port));
        RingGauge("capbox_ring_blocks", "Blocks of the ring; 0 while it is not open.", r => r.Blocks);
        RingGauge("capbox_ring_filled_blocks", "Blocks that the kernel cannot fill now, since they wait for the disk.", r => r.FilledBlocks);
        RingGauge("capbox_ring_filled_high_blocks", "The most of them since the start.", r => r.FilledHighBlocks);
        text.Family("capbox_port_hardware_stamps", "gauge", null, "1 while the NIC stamps the packets.");
        foreach (PortLedger port in ports)
            text.Sample("", port.HardwareStamps ? 1 : 0, ("port", port.Port));
    }

    private static void Storage(Writer text, BoxSnapshot box)
    {
        StorageSnapshot storage = box.Storage;
        text.Counter("capbox_storage_written_bytes", "bytes", "Bytes of chunks written.", storage.BytesWritten);
        text.Counter("capbox_storage_sealed_segments", "segments", "Segments sealed.", storage.SegmentsSealed);
        text.Counter("capbox_storage_write_errors", null, "Writes that the disk refused.", storage.WriteErrors);
        text.Gauge("capbox_storage_free_bytes", "bytes", "Free on the archive's file system.", storage.FreeBytes);
        text.Gauge("capbox_storage_fault", null, "1 while the disk refuses.", storage.Fault is null ? 0 : 1);
        if (box.Archive is { } archive)
        {
            text.Gauge("capbox_archive_segments", "segments", "Sealed segments.", archive.Segments);
            text.Gauge("capbox_archive_bytes", "bytes", "Bytes of them.", archive.Bytes);
            text.Gauge("capbox_archive_oldest_age_seconds", "seconds", "Age of the oldest segment, as retention counts it.", archive.OldestAgeSeconds);
            text.Gauge("capbox_archive_held_bytes", "bytes", "Bytes that holds keep.", archive.HeldBytes);
            text.Counter("capbox_archive_deleted_segments", "segments", "Segments that retention deleted.", archive.Deleted);
            text.Counter("capbox_archive_deleted_bytes", "bytes", "Bytes of them.", archive.DeletedBytes);
            text.Gauge("capbox_archive_fault", null, "1 while a rule of retention cannot be met, or the catalog not be used.", archive.Fault is null ? 0 : 1);
        }
    }

    private static void Clock(Writer text, Timing.ClockSnapshot? clock)
    {
        if (clock is null)
            return;
        text.Family("capbox_clock_state", "stateset", null, "State of the clock that stamps: one of them is 1.");
        foreach (ClockState state in Enum.GetValues<ClockState>())
            text.Sample("", clock.State == state ? 1 : 0, ("capbox_clock_state", state.ToString().ToLowerInvariant()));
        text.Gauge("capbox_clock_offset_seconds", "seconds", "Measured offset from the reference.", clock.OffsetNs / 1e9);
        if (clock.BoundNs is { } bound && double.IsFinite(bound))
            text.Gauge("capbox_clock_bound_seconds", "seconds", "The true time is no further from a stamp than this; missing while nothing is claimed.", bound / 1e9);
        text.Counter("capbox_clock_steps", null, "Steps of the clock.", clock.Steps);
    }

    /// <summary>Keeps to the order of the format: a family's lines, then its samples, each family once.</summary>
    private sealed class Writer
    {
        private readonly StringBuilder _text = new();
        private string _family = "";

        public void Family(string name, string type, string? unit, string help)
        {
            _family = name;
            _text.Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
            if (unit is not null)
                _text.Append("# UNIT ").Append(name).Append(' ').Append(unit).Append('\n');
            _text.Append("# HELP ").Append(name).Append(' ').Append(Escape(help)).Append('\n');
        }

        public void Sample(string suffix, double value, params ReadOnlySpan<(string Name, string Value)> labels)
        {
            _text.Append(_family).Append(suffix);
            for (int i = 0; i < labels.Length; i++)
                _text.Append(i == 0 ? '{' : ',').Append(labels[i].Name).Append("=\"").Append(Escape(labels[i].Value)).Append('"');
            if (labels.Length > 0)
                _text.Append('}');
            _text.Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
        }

        public void Gauge(string name, string? unit, string help, double value)
        {
            Family(name, "gauge", unit, help);
            Sample("", value);
        }

        public void Counter(string name, string? unit, string help, double value)
        {
            Family(name, "counter", unit, help);
            Sample("_total", value);
        }

        public string End() => _text.Append("# EOF\n").ToString();

        private static string Escape(string text) =>
            text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
    }
}
