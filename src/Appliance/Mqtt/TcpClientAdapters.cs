// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using MQTTnet;
using MQTTnet.Adapter;
using MQTTnet.Diagnostics.Logger;
using MQTTnet.Formatter;
using MQTTnet.Implementations;

namespace Capbox.Mqtt;

/// <summary>
/// MQTTnet's client over TCP or TLS. Its own factory can do WebSockets too, which nobody here can configure and which would bring a whole
/// HTTP client into the binary.
/// </summary>
internal sealed class TcpClientAdapters : IMqttClientAdapterFactory
{
    // What MQTTnet's own factory gives: bytes of the first buffer, and up to which it is kept.
    private const int FirstBytes = 4 << 10, KeptBytes = (64 << 10) - 1;

    /// <summary>A client that is not connected yet.</summary>
    public static IMqttClient NewClient() => new MqttClient(new TcpClientAdapters(), new MqttNetNullLogger());

    /// <inheritdoc/>
    public IMqttChannelAdapter CreateClientAdapter(MqttClientOptions options, MqttPacketInspector packetInspector, IMqttNetLogger logger) =>
        new MqttChannelAdapter(new MqttTcpChannel(options), new MqttPacketFormatterAdapter(options.ProtocolVersion, new MqttBufferWriter(FirstBytes, KeptBytes)), logger)
        {
            AllowPacketFragmentation = options.AllowPacketFragmentation,
            PacketInspector = packetInspector,
        };
}
