// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;

namespace Capbox.Testing;

/// <summary>PTP messages in every frame that capbox can make.</summary>
internal static class PtpFrames
{
    private static readonly PeerAddress s_mac = PeerAddress.Mac([2, 0, 0, 0, 0, 2]);
    private static readonly PeerAddress s_masterMac = PeerAddress.Mac([2, 0, 0, 0, 0, 1]);
    private static readonly PeerAddress s_ipv4 = PeerAddress.Ipv4([192, 0, 2, 2]);
    private static readonly PeerAddress s_masterIpv4 = PeerAddress.Ipv4([192, 0, 2, 1]);
    private static readonly PeerAddress s_ipv6 = PeerAddress.Ipv6([0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    private static readonly PeerAddress s_masterIpv6 = PeerAddress.Ipv6([0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// <summary>Every type over every transport, to the group and to the master, without and with a tag in turn.</summary>
    public static IEnumerable<(byte[] Frame, string Destination, MessageType Type, ushort Id)> All()
    {
        ushort id = 65_500;
        (PeerAddress Own, PeerAddress Master, string Group)[] transports = [(s_mac, s_masterMac, "01:1b:19:00:00:00"), (s_ipv4, s_masterIpv4, "224.0.1.129"), (s_ipv6, s_masterIpv6, "ff0e::181")];
        foreach ((PeerAddress own, PeerAddress master, string group) in transports)
        {
            foreach (MessageType type in (MessageType[])[MessageType.Sync, MessageType.FollowUp, MessageType.DelayReq, MessageType.DelayResp, MessageType.Announce])
            {
                foreach (PeerAddress to in (PeerAddress[])[default, master])
                {
                    foreach (int vlan in (int[])[-1, 100])
                    {
                        byte[] frame = Frame(new FrameSettings(s_mac, own, vlan, 6, PtpGroup.DscpExpedited), type, ++id, to);
                        yield return (frame, to.IsGroup ? group : to.ToString(), type, id);
                    }
                }
            }
        }
    }

    private static byte[] Frame(in FrameSettings settings, MessageType type, ushort id, PeerAddress to)
    {
        Span<byte> bytes = stackalloc byte[MessageWriter.MaxBytes];
        int length = MessageWriter.Write(
            new PtpMessage
            {
                Header = new Header
                {
                    Type = type,
                    MinorVersion = 1,
                    Domain = 24,
                    SequenceId = id,
                    Source = new(ClockIdentity.FromMac([2, 0, 0, 0, 0, 2]), 1),
                    Correction = Correction.FromNanoseconds(id / 3.0),
                    LogInterval = -3,
                },
                Timestamp = new(1_795_461_783_123_456_789 + id),
                Requesting = new(new(id), 2),
                Announce = new Announce { CurrentUtcOffsetSeconds = 37, Grandmaster = new(7), Quality = new(6, 0x21, 0x4E5D), TimeSource = 0x20 },
            },
            bytes);
        byte[] frame = new byte[256];
        PtpChannel channel = type is MessageType.Sync or MessageType.DelayReq ? PtpChannel.Event : PtpChannel.General;
        return frame[..FrameWriter.Write(bytes[..length], channel, settings, s_masterMac, to, frame)];
    }
}
